"""The feed of one job: its events, read once for all watchers of this process."""

import asyncio
import time
from collections import deque
from dataclasses import replace

from google.protobuf.message import DecodeError

from atelier.events.v1 import events_pb2
from atelier_jobs.domain import transitions
from atelier_jobs.domain.event import JobEvent
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.progress import NOT_BEGUN
from atelier_jobs.domain.states import State
from atelier_jobs.domain.store import JobStore
from atelier_jobs.events.ephemeral import coalesce, drop_preview
from atelier_jobs.events.factory import EventFactory, heartbeat
from atelier_jobs.events.pace import Audience, Pace
from atelier_jobs.events.shared_event import SharedEvent
from atelier_jobs.events.waking import wake_in_turns
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus, Message
from atelier_jobs.wire.progress_messages import progress_from
from atelier_service.errors import NotFoundError

Event = events_pb2.Event

_REMEMBERED = 64


class JobFeed:
    """Follows a job on the bus, and in SQL where the bus has a gap.

    Watchers pull: each takes the durable events after the last one that it has sent, then the newest ephemeral one. No
    watcher has a queue that could overflow; a slow one misses ephemeral events only, and delays no other.
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
        ephemeral: bool,
    ) -> None:
        """Creates the feed.

        Args:
            store: Where events are read that the bus has missed.
            bus: Where events are published.
            events: Makes messages of stored events.
            pace: Limits the rate of ephemeral events.
            audience: The watchers of this process, by whose number the pace is set.
            owner: Owner of the job.
            job_id: The job.
            heartbeat_s: Seconds without an event after which SQL is read and a heartbeat is sent.
            ephemeral: Whether ephemeral events are followed too.
        """
        self._store = store
        self._bus = bus
        self._events = events
        self._pace = pace
        self._audience = audience
        self._owner = owner
        self._job_id = job_id
        self._heartbeat_s = heartbeat_s
        self._follows_ephemeral = ephemeral
        self._loop = asyncio.get_running_loop()

        self._job: Job | None = None
        self._seq = 0
        self._progress = NOT_BEGUN
        self._durable: deque[SharedEvent] = deque(maxlen=_REMEMBERED)
        self._pending: Event | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = self._preview_due = self._heartbeat_due = 0.0

        self._ready = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._failure: Exception | None = None
        self.ephemeral: SharedEvent | None = None
        """The newest ephemeral event or heartbeat; it may be older than the newest durable one."""

    @property
    def failed(self) -> bool:
        """True when it has stopped following the job because of an error."""
        return self._failure is not None

    async def run(self) -> None:
        """Follows the job until it is cancelled. An error is raised in every watcher."""
        try:
            await self._follow()
        except Exception as error:  # noqa: BLE001 - `wait` raises it
            self._failure = error
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._ready.set()
            self._wake()

    async def ready(self) -> None:
        """Waits until nothing that happens from then on is missed.

        Raises NotFoundError when there is no such job, UnavailableError when the database is unavailable.
        """
        await self._ready.wait()
        self._check()

    async def wait(self) -> None:
        """Waits until there may be a new event. Raises UnavailableError like `ready`."""
        self._check()
        waiter = self._loop.create_future()
        self._waiting.append(waiter)
        await waiter
        self._check()

    def durable_after(self, seq: int) -> list[SharedEvent] | None:
        """Returns the durable events after number `seq`; None when they are older than this feed, but SQL has them."""
        if seq >= self._seq:
            return []
        if not self._durable or seq + 1 < self._durable[0].event.seq:
            return None
        return [shared for shared in self._durable if shared.event.seq > seq]

    def remembered(self) -> list[SharedEvent]:
        """Returns the durable events that this feed has."""
        return list(self._durable)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure.with_traceback(None)

    async def _follow(self) -> None:
        followed = [subjects.event(self._owner, subjects.PROGRESS, self._job_id)]
        if self._follows_ephemeral:
            followed.append(subjects.ephemeral(self._owner, self._job_id))
        # Subscribed before SQL is read: what happens in between arrives twice rather than never.
        async with self._bus.subscribe(*followed) as subscription:
            self._job = await self._store.get(self._owner, self._job_id)
            self._seq = self._job.seq
            self._progress = self._job.progress
            self._put_off_heartbeat()
            self._ready.set()
            while True:
                before = self._seq
                await self._take(self._job, await subscription.next(max(0.0, self._heartbeat_due - time.monotonic())))
                if self._seq == before:
                    if time.monotonic() < self._heartbeat_due:
                        continue
                    self.ephemeral = SharedEvent(heartbeat(self._job_id, _now_us()))
                self._put_off_heartbeat()
                self._wake()

    async def _take(self, job: Job, message: Message | None) -> None:
        """Handles a message of the bus; for None, reads SQL."""
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
        is_durable = message.subject.startswith("events.")
        if event.seq > self._seq + 1 or (event.seq > self._seq and not is_durable):
            # Events in between are missing (relays may overtake one another): SQL has them.
            await self._read_missed()
        if not is_durable:
            self._offer(event)
        elif event.seq > self._seq:  # or SQL had it; it has nothing of a job that was deleted
            self._append(event)

    async def _read_missed(self) -> None:
        for event in await self._store.events_after(self._job_id, self._seq):
            self._append(self._events.changed(event))

    async def _read_deletion(self, job: Job) -> None:
        """Appends the last event of a job that was deleted, equal to the one that was published then."""
        try:
            self._job = await self._store.get(self._owner, self._job_id)
        except NotFoundError:
            last = self._durable[-1].event.generation_progress if self._durable else None
            if last is None or last.error.reason != transitions.DELETED.reason:
                gone = replace(job, state=State.CANCELED, seq=self._seq + 1, failure=transitions.DELETED, result=None)
                self._append(self._events.changed(JobEvent.of(gone, _now_us())))

    def _append(self, event: Event) -> None:
        self._seq = event.seq
        self._progress = progress_from(event.generation_progress.progress)
        self._durable.append(SharedEvent(event, str(event.seq)))
        self._pending = None

    def _offer(self, event: Event) -> None:
        """Accepts an ephemeral event of the current claim that does not go back; the newest is published when due."""
        update = event.generation_progress
        progress = progress_from(update.progress)
        if event.seq != self._seq or State(update.state) is not State.RUNNING or progress == NOT_BEGUN:
            return
        if progress.is_behind(self._progress) or (progress == self._progress and not update.preview):
            return
        self._progress = progress
        self._pending = coalesce(self._pending, event)
        if self._timer is None:
            self._timer = self._loop.call_at(self._due, self._publish_pending)

    def _publish_pending(self) -> None:
        self._timer = None
        event, self._pending = self._pending, None
        if event is None:  # a durable event came meanwhile
            return
        now = self._loop.time()
        if now < self._preview_due:
            drop_preview(event)
        elif event.generation_progress.preview:
            self._preview_due = now + self._pace.after_previews(self._audience.size)
        self._due = now + self._pace.after_updates(self._audience.size)
        self.ephemeral = SharedEvent(event, str(event.seq))
        self._put_off_heartbeat()
        self._wake()

    def _put_off_heartbeat(self) -> None:
        self._heartbeat_due = time.monotonic() + self._heartbeat_s

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        wake_in_turns(waiting)


def _now_us() -> int:
    return time.time_ns() // 1000
