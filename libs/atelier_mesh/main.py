"""`atelier-mesh run`: the whole mesh on one machine, every part a real process."""

import argparse
import asyncio
import fcntl
import os
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import IO

from atelier_mesh.first_picture import FirstPictureError, make_first_picture
from atelier_mesh.ports import PortInUseError, Ports
from atelier_mesh.programs import all_programs
from atelier_mesh.secrets import Secrets
from atelier_mesh.settings import MeshSettings
from atelier_mesh.supervisor import Supervisor
from atelier_service.process import run


class AlreadyRunningError(Exception):
    """Another launcher holds the state folder."""


def _tell(text: str) -> None:
    print(text, flush=True)


def _block(rows: dict[str, str]) -> str:
    width = max(map(len, rows))
    return "\n".join(f"  {name.ljust(width)}  {value}" for name, value in rows.items())


def _lock(state_dir: Path) -> IO[str]:
    """Holds the state folder for this process; the kernel lets go of it when the process dies."""
    file = (state_dir / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        text = (
            f"another mesh runs on {state_dir}; ATELIER_STATE_DIR=<another> and ATELIER_PORT=<another> start a second"
        )
        raise AlreadyRunningError(text) from None
    return file


def _write_environment(path: Path, url: str, api_key: str, grpc_address: str) -> None:
    """For scripts: `set -a; . var/dev.env`. Readable by its owner only: it holds a key."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"ATELIER_URL={url}\nATELIER_API_KEY={api_key}\nATELIER_GRPC={grpc_address}\n")


async def run_mesh(settings: MeshSettings, stopping: asyncio.Event) -> None:
    """Starts everything, says where it is, and stops it all when `stopping` is set.

    Raises PortInUseError, AlreadyRunningError, TimeoutError (something did not become ready), OSError.
    """
    started = time.monotonic()
    os.umask(0o077)  # what is kept holds prompts and keys: its owner alone reads it
    state = settings.state_dir
    state.mkdir(parents=True, exist_ok=True)
    ports = Ports.following(settings.port)
    async with AsyncExitStack() as stack:
        stack.enter_context(_lock(state))
        ports.ensure_free(settings.host)
        secrets = Secrets.load_or_make(state / "secrets.json")
        (state / "logs").mkdir(exist_ok=True)
        programs = all_programs(settings, ports, secrets)
        supervisor = Supervisor(state / "logs", state / "run", _tell)
        stack.push_async_callback(supervisor.stop)
        await supervisor.start(programs)
        _tell(f"Starting {', '.join(p.name for p in programs)} ...")

        ready = asyncio.create_task(supervisor.until_ready(programs, settings.ready_timeout_s))
        stopped = asyncio.create_task(stopping.wait())
        await asyncio.wait({ready, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            return
        ready.result()

        url = f"http://{settings.host}:{ports.gateway}"
        grpc_address = f"{settings.host}:{ports.gateway}"
        _write_environment(state / "dev.env", url, secrets.api_key, grpc_address)
        rows = {
            "REST": f"{url}/api/v1",
            "WebSocket": f"ws://{grpc_address}/ws/v1/events",
            "gRPC": grpc_address,
            "API key": secrets.api_key,
        }
        if settings.first_picture:
            rows |= await _first_picture(url, secrets.api_key, state)
        rows |= {"Logs": f"{state / 'logs'}/", "Settings": f"{state / 'dev.env'}"}
        _tell(f"\nAtelier is up after {time.monotonic() - started:.1f} s.\n\n{_block(rows)}\n")
        _tell("  Ctrl-C stops everything.")
        await stopped
        _tell("Stopping ...")


async def _first_picture(url: str, api_key: str, state: Path) -> dict[str, str]:
    try:
        made = await asyncio.to_thread(make_first_picture, url, api_key, state / "first-picture.png")
    except FirstPictureError as error:
        return {"First picture": f"not made: {error}"}
    return {"First picture": str(made.path), "Its trace id": made.trace_id}


def main() -> None:
    """Entry point of `atelier-mesh`."""
    parser = argparse.ArgumentParser(prog="atelier-mesh", description="The whole mesh on one machine.")
    parser.add_argument("command", choices=["run"], help="start everything; Ctrl-C stops it")
    parser.parse_args()

    async def _main(stopping: asyncio.Event) -> None:
        await run_mesh(MeshSettings(), stopping)

    try:
        run(_main)
    except (PortInUseError, AlreadyRunningError, TimeoutError, OSError) as error:
        sys.exit(f"atelier-mesh: {error}")


if __name__ == "__main__":
    main()
