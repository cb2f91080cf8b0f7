"""The worker loop: takes jobs from the queue and runs them, `slots` at a time."""

import asyncio
from dataclasses import dataclass

import structlog
from google.protobuf.message import DecodeError

from atelier.jobs.v1 import job_pb2
from atelier_jobs import metrics
from atelier_jobs.domain.store import ClaimStore
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus, Subscription
from atelier_jobs.worker.attempt import Handler
from atelier_jobs.worker.attempt_run import AttemptRun
from atelier_jobs.worker.dispatch import Dispatch, DispatchQueue
from atelier_service.clock import Clock, SystemClock
from atelier_service.errors import UnavailableError

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """How one worker works. `lease_s` bounds how long a job of a worker that died waits for another one."""

    kind: str
    worker_id: str  # host and process
    slots: int = 2  # the next job is claimed and prepared while the last one uploads
    lease_s: float = 15.0
    grace_s: float = 20.0  # what running jobs get to end after the request to stop
    stop_s: float = 3.0  # and then to stop half-way, before nobody waits for them any longer
    attempt_timeout_s: float = 0.0  # 0: none
    retry_delay_s: float = 1.0  # doubled with each fault


class Worker:
    """Runs until it is asked to stop; a job that fails, hangs or kills its handler does not stop the others."""

    def __init__(
        self,
        claims: ClaimStore,
        queue: DispatchQueue,
        bus: Bus,
        events: EventFactory,
        handler: Handler,
        settings: WorkerSettings,
        clock: Clock | None = None,
    ) -> None:
        self._claims = claims
        self._queue = queue
        self._bus = bus
        self._events = events
        self._handler = handler
        self._settings = settings
        self._clock = clock or SystemClock()
        self._running: dict[str, AttemptRun] = {}

    @property
    def running_job_ids(self) -> tuple[str, ...]:
        """The jobs that this worker holds now."""
        return tuple(self._running)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping` is set; then every held job is ended, or given back without a fault."""
        async with (
            self._bus.subscribe(subjects.cancel_hints(self._settings.kind)) as hints,
            asyncio.TaskGroup() as group,
        ):
            listening = group.create_task(self._listen(hints))
            slots = [group.create_task(self._slot(stopping)) for _ in range(self._settings.slots)]
            await stopping.wait()
            await self._queue.close()
            await self._wind_up(slots)
            for task in (listening, *slots):
                task.cancel()

    async def _wind_up(self, slots: list[asyncio.Task[None]]) -> None:
        """Lets jobs end, then asks them to stop, then leaves them."""
        _, busy = await asyncio.wait(slots, timeout=self._settings.grace_s)
        if busy:
            for run in list(self._running.values()):
                run.shut_down()
            _, busy = await asyncio.wait(busy, timeout=self._settings.stop_s)
        if busy:
            for run in list(self._running.values()):
                run.abandon()
            await asyncio.wait(busy, timeout=self._settings.stop_s)

    async def _slot(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            dispatch = await self._next(stopping)
            if dispatch is None:
                return
            try:
                await self._work(dispatch)
            except UnavailableError as error:
                logger.warning("job left to the reconciler", job_id=dispatch.job_id, reason=error.reason)
            except Exception:
                # A bug of ours in the middle of one job: the lease will run out, the others go on.
                logger.exception("job left to the reconciler", job_id=dispatch.job_id)

    async def _next(self, stopping: asyncio.Event) -> Dispatch | None:
        """The next message; None when the worker is to stop."""
        fetch = asyncio.create_task(self._queue.next())
        stop = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait((fetch, stop), return_when=asyncio.FIRST_COMPLETED)
            if not fetch.done():
                return None
            dispatch = await fetch
            if stop.done():
                await dispatch.nak(0.0)
                return None
            return dispatch
        finally:
            fetch.cancel()
            stop.cancel()
            await asyncio.wait((fetch, stop))

    async def _work(self, dispatch: Dispatch) -> None:
        settings = self._settings
        try:
            claim = await self._claims.claim(dispatch.job_id, dispatch.generation, settings.worker_id, settings.lease_s)
        except UnavailableError as error:
            logger.warning("cannot claim yet", job_id=dispatch.job_id, reason=error.reason)
            await dispatch.nak(settings.retry_delay_s)
            await asyncio.sleep(settings.retry_delay_s)
            return
        if claim is None:
            # Ended, held by another (if that one is dead, the reconciler queues the job anew), or queued again since.
            metrics.STALE.labels(kind=settings.kind).inc()
            await dispatch.ack()
            return
        run = AttemptRun(
            self._claims, self._bus, self._events, self._handler, self._clock, claim, dispatch,
            timeout_s=settings.attempt_timeout_s, retry_delay_s=settings.retry_delay_s,
        )  # fmt: skip
        self._running[dispatch.job_id] = run
        try:
            await run.run()
        finally:
            if self._running.get(dispatch.job_id) is run:
                del self._running[dispatch.job_id]

    async def _listen(self, hints: Subscription) -> None:
        """A hint names a job that changed; the store says what happened to it."""
        async for message in hints:
            try:
                hint = job_pb2.Dispatch.FromString(message.data)
            except DecodeError:
                logger.warning("a hint that is none", subject=message.subject)
                continue
            run = self._running.get(hint.job_id)
            if run is not None and run.claim.job.generation == hint.generation:
                run.look_up()
