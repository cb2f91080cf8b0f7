"""A worker in a process of its own, to be killed or stopped: `worker_process.py DATABASE_URL NATS_URL ID LEASE_S`.

Its handler says `<job> <epoch>` on standard output when it begins, and ends when the file that the spec names is there.
"""

import asyncio
import signal
import sys
from pathlib import Path

from atelier_jobs.domain.job import Job
from atelier_jobs.worker.attempt import Attempt
from tests.ports.jobs.mesh import open_process, open_worker
from tests.support.wait import eventually


async def _begin_and_wait(job: Job, attempt: Attempt) -> bytes:
    print(job.id, attempt.epoch, flush=True)  # noqa: T201
    await eventually(Path(job.spec.decode()).exists, timeout_s=60)
    return f"by epoch {attempt.epoch}".encode()


async def main(database_url: str, nats_url: str, worker_id: str, lease_s: float) -> None:
    """Until SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with open_process(database_url, nats_url, origin=worker_id, reconciles=False) as process:
        async with open_worker(process, _begin_and_wait, worker_id=worker_id, lease_s=lease_s, grace_s=0.2):
            await stopping.wait()
        await process.relay.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
