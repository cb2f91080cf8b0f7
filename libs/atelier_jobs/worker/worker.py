"""The worker loop: claims as many jobs as the worker can hold, and runs each as a task of its own."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from atelier_jobs.domain.claims import Claim, ClaimRequest, ClaimStore, WorkSignals
from atelier_jobs.domain.progress_sink import ProgressSink
from atelier_jobs.worker.attempt import Handler
from atelier_jobs.worker.attempt_run import AttemptRun
from atelier_service.errors import UnavailableError

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What a worker can hold, read before each claim.

    Attributes:
        jobs: How many jobs it can hold at once: one more than its device runs at once, so that the next one is prepared
            while the last one uploads.
        loaded: Affinity keys (ids of models) that it has in memory.
        accepts: Affinity keys that it supports; None: all.
    """

    jobs: int = 2
    loaded: frozenset[str] = frozenset()
    accepts: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """Options of one worker.

    Attributes:
        kind: Kind of the jobs.
        worker_id: Id of the worker, unique in the mesh.
        lease_s: Length of a lease in seconds: how long the jobs of a worker that crashed wait for another one.
        poll_s: Seconds after which a worker that gets no signal tries to claim.
        grace_s: Seconds that running jobs get to end at a shutdown.
        stop_s: Seconds that they then get to stop, before they are abandoned.
        attempt_timeout_s: Seconds after which an attempt is stopped and counts as a fault; 0: none.
        retry_delay_s: Seconds until the next attempt, doubled with each fault.
    """

    kind: str
    worker_id: str
    lease_s: float = 15.0
    poll_s: float = 5.0
    grace_s: float = 20.0
    stop_s: float = 3.0
    attempt_timeout_s: float = 0.0
    retry_delay_s: float = 1.0


class Worker:
    """Claims and runs jobs of one kind; one that fails or hangs does not stop the others."""

    def __init__(
        self,
        claims: ClaimStore,
        signals: WorkSignals,
        progress: ProgressSink,
        handler: Handler,
        options: WorkerOptions,
        capacity: Callable[[], Capacity] = Capacity,
    ) -> None:
        """Creates the worker.

        Args:
            claims: Claims jobs and records their outcomes.
            signals: Wakes the worker.
            progress: Publishes the progress of its attempts.
            handler: Runs the jobs.
            options: Kind, id and times.
            capacity: Returns what the worker can hold; called before each claim.
        """
        self._claims = claims
        self._signals = signals
        self._progress = progress
        self._handler = handler
        self._options = options
        self._capacity = capacity
        self._running: dict[tuple[str, int], AttemptRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._stopping = False

    @property
    def running_job_ids(self) -> tuple[str, ...]:
        """Ids of the jobs that this worker holds."""
        return tuple(job_id for job_id, _ in self._running)

    async def run(self, stopping: asyncio.Event) -> None:
        """Runs until `stopping` is set; then every held job ends, or is released without a fault."""
        signals = self._signals.listen(on_work=self._woken.set, on_change=self._renew_now)
        async with signals, asyncio.TaskGroup() as group:
            claiming = group.create_task(self._claim_forever(group))
            await stopping.wait()
            # A claim in flight is awaited: cancelled, it would leave its jobs held until their leases expire.
            self._stopping = True
            self._woken.set()
            await asyncio.wait({claiming})
            await self._wind_up()
            for task in self._tasks:
                task.cancel()

    async def _wind_up(self) -> None:
        """Waits for the jobs to end, then requests that they stop, then abandons them."""
        if await self._still_running(self._options.grace_s):
            for run in list(self._running.values()):
                run.shut_down()
        if await self._still_running(self._options.stop_s):
            for run in list(self._running.values()):
                run.abandon()
        await self._still_running(self._options.stop_s)

    async def _still_running(self, timeout_s: float) -> bool:
        """Waits for the jobs to end; True when some have not."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        return bool(self._tasks)

    async def _claim_forever(self, group: asyncio.TaskGroup) -> None:
        while not self._stopping:
            self._woken.clear()
            wait_s = self._options.poll_s
            capacity = self._capacity()
            free = capacity.jobs - len(self._running)
            if free > 0:
                claims = await self._claim(capacity, free)
                for claim in claims or ():
                    self._begin(claim, group)
                if claims is None:
                    wait_s = self._options.retry_delay_s
                elif len(claims) == free:
                    continue  # the capacity may have grown meanwhile
            try:
                async with asyncio.timeout(wait_s):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _claim(self, capacity: Capacity, free: int) -> Sequence[Claim] | None:
        """Claims; None when that is not possible now."""
        request = ClaimRequest(
            kind=self._options.kind,
            worker_id=self._options.worker_id,
            lease_s=self._options.lease_s,
            max_jobs=free,
            loaded=capacity.loaded,
            accepts=capacity.accepts,
        )
        try:
            return await self._claims.claim(request)
        except UnavailableError as error:
            logger.warning("cannot claim yet", reason=error.reason)
        except Exception:
            # A bug: running jobs go on, and the leases of what was claimed expire.
            logger.exception("cannot claim")
        return None

    def _begin(self, claim: Claim, group: asyncio.TaskGroup) -> None:
        options = self._options
        run = AttemptRun(
            self._claims, self._progress, self._handler, claim,
            timeout_s=options.attempt_timeout_s, retry_delay_s=options.retry_delay_s,
        )  # fmt: skip
        key = (claim.job.id, claim.epoch)
        self._running[key] = run
        task = group.create_task(self._work(run), name=f"job-{claim.job.id}")
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            del self._running[key]
            self._woken.set()

        task.add_done_callback(ended)

    async def _work(self, run: AttemptRun) -> None:
        job_id = run.claim.job.id
        try:
            await run.run()
        except UnavailableError as error:
            logger.warning("job left to the reconciler", job_id=job_id, reason=error.reason)
        except Exception:
            # A bug in the run of one job: its lease expires, the others go on.
            logger.exception("job left to the reconciler", job_id=job_id)

    def _renew_now(self, job_id: str) -> None:
        for (running_id, _), run in self._running.items():
            if running_id == job_id:
                run.renew_now()
