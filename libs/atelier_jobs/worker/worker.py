"""The worker loop: claims as many jobs as its device can take, and runs each as a task of its own."""

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
    """What a worker can take, as it says anew before each claim.

    Attributes:
        jobs: How many it can hold at once: one more than its device draws at once, so that the next one is prepared
            while the last one uploads.
        loaded: Affinity keys (ids of models) that are in its memory.
        accepts: Affinity keys that it can do; None: all.
    """

    jobs: int = 2
    loaded: frozenset[str] = frozenset()
    accepts: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """How one worker works. `lease_s` bounds how long a job of a worker that died waits for another one."""

    kind: str
    worker_id: str  # host and process
    lease_s: float = 15.0
    poll_s: float = 5.0  # how long a worker that no signal reaches waits before it looks by itself
    grace_s: float = 20.0  # what running jobs get to end after the request to stop
    stop_s: float = 3.0  # and then to stop half-way, before nobody waits for them any longer
    attempt_timeout_s: float = 0.0  # 0: none
    retry_delay_s: float = 1.0  # doubled with each fault


class Worker:
    """Runs until it is asked to stop; a job that fails, hangs or kills its handler does not stop the others."""

    def __init__(
        self,
        claims: ClaimStore,
        signals: WorkSignals,
        progress: ProgressSink,
        handler: Handler,
        settings: WorkerSettings,
        capacity: Callable[[], Capacity] = Capacity,
    ) -> None:
        """`capacity` is asked before each claim."""
        self._claims = claims
        self._signals = signals
        self._progress = progress
        self._handler = handler
        self._settings = settings
        self._capacity = capacity
        self._running: dict[tuple[str, int], AttemptRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._look = asyncio.Event()
        self._stopping = False

    @property
    def running_job_ids(self) -> tuple[str, ...]:
        """The jobs that this worker holds now."""
        return tuple(job_id for job_id, _ in self._running)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping` is set; then every held job is ended, or given back without a fault."""
        async with self._signals.listen(on_work=self._look.set, on_change=self._look_up), asyncio.TaskGroup() as group:
            claiming = group.create_task(self._claim_for_ever(group))
            await stopping.wait()
            # A claim that is on its way is waited for: cancelled, it would leave its jobs to the reconciler.
            self._stopping = True
            self._look.set()
            await asyncio.wait({claiming})
            await self._wind_up()
            for task in self._tasks:
                task.cancel()

    async def _wind_up(self) -> None:
        """Lets jobs end, then asks them to stop, then leaves them."""
        if await self._still_running(self._settings.grace_s):
            for run in list(self._running.values()):
                run.shut_down()
        if await self._still_running(self._settings.stop_s):
            for run in list(self._running.values()):
                run.abandon()
        await self._still_running(self._settings.stop_s)

    async def _still_running(self, timeout_s: float) -> bool:
        """Waits for the jobs to end; True when some have not."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        return bool(self._tasks)

    async def _claim_for_ever(self, group: asyncio.TaskGroup) -> None:
        while not self._stopping:
            self._look.clear()
            wait_s = self._settings.poll_s
            capacity = self._capacity()
            free = capacity.jobs - len(self._running)
            if free > 0:
                claims = await self._claim(capacity, free)
                for claim in claims or ():
                    self._begin(claim, group)
                if claims is None:
                    wait_s = self._settings.retry_delay_s
                elif len(claims) == free:
                    continue  # the capacity may have grown meanwhile
            try:
                async with asyncio.timeout(wait_s):
                    await self._look.wait()
            except TimeoutError:
                continue

    async def _claim(self, capacity: Capacity, free: int) -> Sequence[Claim] | None:
        """Claims; None when that is not possible now."""
        request = ClaimRequest(
            kind=self._settings.kind,
            worker_id=self._settings.worker_id,
            lease_s=self._settings.lease_s,
            max_jobs=free,
            loaded=capacity.loaded,
            accepts=capacity.accepts,
        )
        try:
            return await self._claims.claim(request)
        except UnavailableError as error:
            logger.warning("cannot claim yet", reason=error.reason)
        except Exception:
            # A bug of ours: what runs goes on, and what was claimed is left to the reconciler.
            logger.exception("cannot claim")
        return None

    def _begin(self, claim: Claim, group: asyncio.TaskGroup) -> None:
        settings = self._settings
        run = AttemptRun(
            self._claims, self._progress, self._handler, claim,
            timeout_s=settings.attempt_timeout_s, retry_delay_s=settings.retry_delay_s,
        )  # fmt: skip
        key = (claim.job.id, claim.epoch)
        self._running[key] = run
        task = group.create_task(self._work(run), name=f"job-{claim.job.id}")
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            del self._running[key]
            self._look.set()

        task.add_done_callback(ended)

    async def _work(self, run: AttemptRun) -> None:
        job_id = run.claim.job.id
        try:
            await run.run()
        except UnavailableError as error:
            logger.warning("job left to the reconciler", job_id=job_id, reason=error.reason)
        except Exception:
            # A bug of ours in the middle of one job: the lease will run out, the others go on.
            logger.exception("job left to the reconciler", job_id=job_id)

    def _look_up(self, job_id: str) -> None:
        for (running_id, _), run in self._running.items():
            if running_id == job_id:
                run.look_up()
