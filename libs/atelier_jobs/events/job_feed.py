"""What happens to one job, read once for all who watch it in this process."""

import asyncio
import time
from collections import deque
from dataclasses import replace

from google.protobuf.message import DecodeError

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_pb2
from atelier_jobs.domain import transitions
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.states import State
from atelier_jobs.domain.store import JobStore
from atelier_jobs.events.factory import EventFactory, heartbeat
from atelier_jobs.events.pace import Audience, Pace
from atelier_jobs.events.shared_event import SharedEvent
from atelier_jobs.events.steps import drop_preview, newest
from atelier_jobs.events.waking import wake_in_turns
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus, Message
from atelier_service.errors import NotFoundError

Event = events_pb2.Event

_REMEMBERED = 64


class JobFeed:
    """Follows a job on the bus, and in SQL where the bus has a gap.

    Watchers pull: each takes the kept events behind the last one that it has sent, then the newest live one. Nobody has
    a queue that could overflow; a slow watcher misses live events only, and delays nobody.
    """

    def __init__(
        self,
        store: JobStore,
        bus: Bus,
        events: EventFactory,
        pace: Pace,
        audience: Audience,
        *,
        owner: str,
        job_id: str,
        heartbeat_s: float,
        steps: bool,
    ) -> None:
        """`heartbeat_s`: seconds of silence until SQL is read and a heartbeat published. `steps`: live events too."""
        self._store = store
        self._bus = bus
        self._events = events
        self._pace = pace
        self._audience = audience
        self._owner = owner
        self._job_id = job_id
        self._heartbeat_s = heartbeat_s
        self._steps = steps
        self._loop = asyncio.get_running_loop()

        self._job: Job | None = None
        self._seq = 0
        self._count = (0, 0)
        self._kept: deque[SharedEvent] = deque(maxlen=_REMEMBERED)
        self._next_step: Event | None = None
        self._step_timer: asyncio.TimerHandle | None = None
        self._step_due = self._preview_due = self._heartbeat_due = 0.0

        self._ready = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._failure: Exception | None = None
        self.live: SharedEvent | None = None
        """The newest live event or heartbeat; it may be older than the newest kept one."""

    @property
    def failed(self) -> bool:
        """True when it follows nothing any more."""
        return self._failure is not None

    async def run(self) -> None:
        """Follows the job until it is cancelled. What goes wrong is raised to everyone who watches."""
        try:
            await self._follow()
        except Exception as error:  # noqa: BLE001 - `news` raises it
            self._failure = error
        finally:
            if self._step_timer is not None:
                self._step_timer.cancel()
            self._ready.set()
            self._wake()

    async def ready(self) -> None:
        """Waits until nothing that happens from then on is missed.

        Raises NotFoundError when there is no such job, UnavailableError when the database is unavailable.
        """
        await self._ready.wait()
        self._check()

    async def news(self) -> None:
        """Waits until there may be something new. Raises UnavailableError like `ready`."""
        self._check()
        waiter = self._loop.create_future()
        self._waiting.append(waiter)
        await waiter
        self._check()

    def kept_after(self, seq: int) -> list[SharedEvent] | None:
        """The kept events behind number `seq`; None when this feed does not reach back that far, but SQL may."""
        if seq >= self._seq:
            return []
        if not self._kept or seq + 1 < self._kept[0].event.seq:
            return None
        return [shared for shared in self._kept if shared.event.seq > seq]

    def remembered(self) -> list[SharedEvent]:
        """The kept events that this feed remembers."""
        return list(self._kept)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure.with_traceback(None)

    async def _follow(self) -> None:
        heard = [subjects.event(self._owner, subjects.PROGRESS, self._job_id)]
        if self._steps:
            heard.append(subjects.live(self._owner, self._job_id))
        # Subscribed before SQL is read: what happens in between arrives twice rather than never.
        async with self._bus.subscribe(*heard) as subscription:
            self._job = await self._store.get(self._owner, self._job_id)
            self._seq = self._job.seq
            self._count = count_of(self._events.progress(self._job))
            self._put_off_heartbeat()
            self._ready.set()
            while True:
                before = self._seq
                await self._take(self._job, await subscription.next(max(0.0, self._heartbeat_due - time.monotonic())))
                if self._seq == before:
                    if time.monotonic() < self._heartbeat_due:
                        continue
                    self.live = SharedEvent(heartbeat(self._job_id, _now_us()))
                self._put_off_heartbeat()
                self._wake()

    async def _take(self, job: Job, message: Message | None) -> None:
        """Takes in what a message of the bus adds; without one, what SQL knows by now."""
        if message is None:
            before = self._seq
            await self._read_missed()
            if self._seq == before:
                await self._read_deletion(job)
            return
        try:
            event = Event.FromString(message.data)
        except DecodeError:
            return
        is_kept = message.subject.startswith("events.")
        if event.seq > self._seq + 1 or (event.seq > self._seq and not is_kept):
            # Something is missing in between (relays may overtake one another): SQL has it all.
            await self._read_missed()
        if not is_kept:
            self._offer(event)
        elif event.seq > self._seq:  # or SQL had it; it has nothing of a job that was deleted
            self._keep(event)

    async def _read_missed(self) -> None:
        for record in await self._store.events_after(self._job_id, self._seq):
            self._keep(Event.FromString(record.payload))

    async def _read_deletion(self, job: Job) -> None:
        """The end of a job that is not there any more: the same that was published when it was deleted."""
        try:
            self._job = await self._store.get(self._owner, self._job_id)
        except NotFoundError:
            last = self._kept[-1].event.generation_progress if self._kept else None
            if last is None or last.error.reason != transitions.DELETED.reason:
                gone = replace(job, state=State.CANCELED, seq=self._seq + 1, failure=transitions.DELETED, result=None)
                self._keep(self._events.changed(gone, _now_us()))

    def _keep(self, event: Event) -> None:
        self._seq = event.seq
        self._count = count_of(event.generation_progress.progress)
        self._kept.append(SharedEvent(event, str(event.seq)))
        self._next_step = None

    def _offer(self, event: Event) -> None:
        """Takes a step, if it belongs where the job is and does not go back. The newest is published when it is due."""
        progress = event.generation_progress
        count = count_of(progress.progress)
        if event.seq != self._seq or State(progress.state) is not State.RUNNING or not progress.progress.steps:
            return
        if count < self._count or (count == self._count and not progress.preview):
            return
        self._count = count
        self._next_step = newest(self._next_step, event)
        if self._step_timer is None:
            self._step_timer = self._loop.call_at(self._step_due, self._publish_step)

    def _publish_step(self) -> None:
        self._step_timer = None
        event, self._next_step = self._next_step, None
        if event is None:  # a kept event came meanwhile
            return
        now = self._loop.time()
        if now < self._preview_due:
            drop_preview(event)
        elif event.generation_progress.preview:
            self._preview_due = now + self._pace.after_previews(self._audience.size)
        self._step_due = now + self._pace.after_steps(self._audience.size)
        self.live = SharedEvent(event, str(event.seq))
        self._put_off_heartbeat()
        self._wake()

    def _put_off_heartbeat(self) -> None:
        self._heartbeat_due = time.monotonic() + self._heartbeat_s

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        wake_in_turns(waiting)


def count_of(progress: job_pb2.Progress) -> tuple[int, int]:
    """What only grows: frames follow the last step."""
    return progress.step, progress.frame


def _now_us() -> int:
    return time.time_ns() // 1000
