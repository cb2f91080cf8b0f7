"""One job's story as a stream: snapshot or missed events, then live ones, then the end."""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import replace

from google.protobuf.message import DecodeError

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_pb2
from atelier_jobs import subjects, transitions
from atelier_jobs.bus import Bus, Message
from atelier_jobs.events import EventFactory, heartbeat
from atelier_jobs.job import Job
from atelier_jobs.states import State
from atelier_jobs.store import JobStore
from atelier_service.errors import NotFoundError

Event = events_pb2.Event


async def watch(
    store: JobStore,
    bus: Bus,
    events: EventFactory,
    *,
    owner: str,
    job_id: str,
    after_seq: int | None = None,
    heartbeat_s: float = 15.0,
    steps: bool = True,
) -> AsyncGenerator[Event, None]:
    """A snapshot (or, with `after_seq`, every kept event after that number), then what happens, then the end; without
    `steps` only what is kept.

    The last event, and only it, has `terminal` set: the end of the revision that is watched (a job that is made anew
    in the meantime ends with CANCELED, SUPERSEDED; a deleted one with CANCELED, DELETED). Kept events come gapless and
    in order, steps in between never go back. While the broker is away the stream lives on heartbeats, each of which
    looks at SQL. Raises NotFoundError at the first step, and UnavailableError when the database is away.
    """
    heard = [subjects.event(owner, subjects.PROGRESS, job_id)]
    if steps:
        heard.append(subjects.live(owner, job_id))
    # Subscribed before SQL is read: what happens in between arrives twice rather than never.
    async with bus.subscribe(*heard) as subscription:
        job = await store.get(owner, job_id)
        story = _Story(store, events, job)
        for event in await story.begin(after_seq):
            yield event
        due = time.monotonic() + heartbeat_s
        while not story.ended:
            message = await subscription.next(max(0.0, due - time.monotonic()))
            for event in await story.go_on(message):
                yield event
                due = time.monotonic() + heartbeat_s
            if not story.ended and time.monotonic() >= due:
                yield heartbeat(job_id, _now_us())
                due = time.monotonic() + heartbeat_s


async def wait_for_end(
    store: JobStore, bus: Bus, events: EventFactory, *, owner: str, job_id: str, timeout_s: float
) -> Job:
    """The job when it has ended, or as it stands after `timeout_s`. Raises like `watch`."""
    heartbeat_s = min(15.0, max(0.1, timeout_s))
    stream = watch(store, bus, events, owner=owner, job_id=job_id, heartbeat_s=heartbeat_s, steps=False)
    try:
        async with asyncio.timeout(timeout_s):
            async for _ in stream:
                pass
    except TimeoutError:
        pass
    finally:
        await stream.aclose()
    return await store.get(owner, job_id)


class _Story:
    """What was told, and what may be told next."""

    def __init__(self, store: JobStore, events: EventFactory, job: Job) -> None:
        self._store = store
        self._events = events
        self._job = job
        self._seq = job.seq
        self._count = _count(events.progress(job))
        self.ended = False

    async def begin(self, after_seq: int | None) -> list[Event]:
        """The first events of the stream."""
        if after_seq is None or after_seq >= self._job.seq:
            self.ended = self._job.state.terminal
            if after_seq is None or self.ended:
                return [self._events.snapshot(self._job, _now_us())]
            return []
        self._seq = after_seq
        return await self._missed()

    async def go_on(self, message: Message | None) -> list[Event]:
        """What a message of the bus adds; without one, what SQL knows by now."""
        if message is None:
            return await self._missed() or await self._deleted()
        try:
            event = Event.FromString(message.data)
        except DecodeError:
            return []
        if event.seq <= self._seq:
            return self._step_of(event) if event.seq == self._seq else []
        kept = message.subject.startswith("events.")
        if event.seq > self._seq + 1 or not kept:
            # Something is missing in between (relays may overtake one another): SQL has it all.
            told = await self._missed()
            if kept and not self.ended and event.seq > self._seq:
                return told + self._tell(event)  # SQL has it no more: the job was deleted
            return told + self._step_of(event)
        return self._tell(event)

    def _tell(self, event: Event) -> list[Event]:
        self._seq = event.seq
        self._count = _count(event.generation_progress.progress)
        self.ended = event.generation_progress.terminal
        return [event]

    def _step_of(self, event: Event) -> list[Event]:
        """A step, if it belongs where the story is and does not go back."""
        progress = event.generation_progress
        count = _count(progress.progress)
        told_before = event.seq != self._seq or State(progress.state) is not State.RUNNING or self.ended
        if told_before or count < self._count or not progress.progress.steps:
            return []
        if count == self._count and not progress.preview:
            return []
        self._count = count
        return [event]

    async def _missed(self) -> list[Event]:
        """Kept events after the last one told, up to the end of the revision."""
        told: list[Event] = []
        for record in await self._store.events_after(self._job.id, self._seq):
            told += self._tell(Event.FromString(record.payload))
            if self.ended:
                break
        return told

    async def _deleted(self) -> list[Event]:
        """The end of a job that is not there any more: the same that was published when it was deleted."""
        try:
            self._job = await self._store.get(self._job.owner, self._job.id)
        except NotFoundError:
            gone = replace(self._job, state=State.CANCELED, seq=self._seq + 1, failure=transitions.DELETED, result=None)
            return self._tell(self._events.changed(gone, _now_us()))
        return []


def _count(progress: job_pb2.Progress) -> tuple[int, int]:
    """What only grows: frames follow the last step."""
    return progress.step, progress.frame


def _now_us() -> int:
    return time.time_ns() // 1000
