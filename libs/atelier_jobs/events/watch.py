"""One job's story as a stream: snapshot or missed events, then live ones, then the end."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from contextvars import Context
from dataclasses import dataclass

from atelier.events.v1 import events_pb2
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.store import JobStore
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.events.job_feed import JobFeed, count_of
from atelier_jobs.events.pace import Audience, Pace
from atelier_jobs.events.shared_event import SharedEvent
from atelier_jobs.messaging.bus import Bus


@dataclass(slots=True)
class _Open:
    feed: JobFeed
    task: asyncio.Task[None]
    watchers: int = 0


class Watching:
    """Watches jobs through the database and the bus; all who watch one job share its feed.

    Whose a job is is checked at the first step. `heartbeat_s`: seconds of silence until a heartbeat. `rate_per_s`:
    steps that are sent per second, to all watchers of this process together; see Pace.
    """

    def __init__(
        self,
        jobs: JobStore,
        bus: Bus,
        events: EventFactory,
        *,
        heartbeat_s: float = 15.0,
        rate_per_s: float = 500.0,
    ) -> None:
        self._jobs = jobs
        self._bus = bus
        self._events = events
        self._heartbeat_s = heartbeat_s
        self._pace = Pace(rate_per_s)
        self._audience = Audience()
        self._feeds: dict[tuple[str, str, bool], _Open] = {}

    async def events(
        self, owner: str, job_id: str, after_seq: int | None = None, *, steps: bool = True
    ) -> AsyncGenerator[SharedEvent, None]:
        """A snapshot (or, with `after_seq`, every kept event after that number), then what happens, then the end;
        without `steps` only what is kept.

        The last event, and only it, has `terminal` set: the end of the revision that is watched (a job that is made
        anew in the meantime ends with CANCELED, SUPERSEDED; a deleted one with CANCELED, DELETED). Kept events come
        gapless and in order, however slowly they are taken; steps in between never go back. While the broker is
        unavailable the stream lives on heartbeats, each of which looks at SQL. Raises NotFoundError at the first step,
        and UnavailableError when the database is unavailable.
        """
        async with self._feed(owner, job_id, steps) as feed:
            watcher = _Watcher(self._jobs, self._events, await self._jobs.get(owner, job_id), feed)
            for shared in await watcher.begin(after_seq):
                yield shared
            while not watcher.ended:
                found = await watcher.next()
                for shared in found:
                    yield shared
                if not found:
                    await feed.news()

    async def end(self, owner: str, job_id: str, timeout_s: float) -> Job:
        """The job when it has ended, or as it stands after `timeout_s`. Raises like `events`."""
        try:
            async with asyncio.timeout(timeout_s), aclosing(self.events(owner, job_id, steps=False)) as events:
                async for _ in events:
                    pass
        except TimeoutError:
            pass
        return await self._jobs.get(owner, job_id)

    @asynccontextmanager
    async def _feed(self, owner: str, job_id: str, steps: bool) -> AsyncIterator[JobFeed]:
        key = (owner, job_id, steps)
        opened = self._feeds.get(key)
        if opened is None or opened.feed.failed:
            feed = JobFeed(
                self._jobs,
                self._bus,
                self._events,
                self._pace,
                self._audience,
                owner=owner,
                job_id=job_id,
                heartbeat_s=self._heartbeat_s,
                steps=steps,
            )
            # In a context of its own: a feed is nobody's call, and belongs to no trace.
            task = asyncio.create_task(feed.run(), name=f"feed-{job_id}", context=Context())
            opened = self._feeds[key] = _Open(feed, task)
        opened.watchers += 1
        self._audience.size += steps
        try:
            await opened.feed.ready()
            yield opened.feed
        finally:
            opened.watchers -= 1
            self._audience.size -= steps
            if not opened.watchers:
                if self._feeds.get(key) is opened:
                    del self._feeds[key]
                opened.task.cancel()
                await asyncio.wait({opened.task})


class _Watcher:
    """What one watcher has been sent, and what comes next."""

    def __init__(self, store: JobStore, events: EventFactory, job: Job, feed: JobFeed) -> None:
        self._store = store
        self._events = events
        self._job = job
        self._feed = feed
        self._seq = job.seq
        self._count = count_of(events.progress(job))
        # The newest step is told to who comes now, but no old heartbeat.
        self._live = feed.live if feed.live is not None and feed.live.event.HasField("heartbeat") else None
        self.ended = False

    async def begin(self, after_seq: int | None) -> list[SharedEvent]:
        """The first events of the stream."""
        if after_seq is None or after_seq >= self._job.seq:
            self.ended = self._job.state.terminal
            if after_seq is None or self.ended:
                return [SharedEvent(self._events.snapshot(self._job, time.time_ns() // 1000), str(self._seq))]
            return []
        self._seq = after_seq
        return self._up_to_the_end(await self._from_sql())

    async def next(self) -> list[SharedEvent]:
        """What is new: kept events, or one live event, or nothing."""
        kept = self._feed.kept_after(self._seq)
        if kept is None:
            kept = await self._from_sql() or self._feed.remembered()  # SQL has nothing of a deleted job
        if kept:
            return self._up_to_the_end(kept)
        live = self._feed.live
        if live is None or live is self._live:
            return []
        self._live = live
        return [live] if self._fits(live.event) else []

    def _fits(self, event: events_pb2.Event) -> bool:
        """Whether a live event is a heartbeat, or a step that does not go back."""
        if event.HasField("heartbeat"):
            return True
        progress = event.generation_progress
        count = count_of(progress.progress)
        if event.seq != self._seq or count < self._count or (count == self._count and not progress.preview):
            return False
        self._count = count
        return True

    def _up_to_the_end(self, kept: list[SharedEvent]) -> list[SharedEvent]:
        """Takes note of kept events that will be sent; none behind the end of the revision."""
        for number, shared in enumerate(kept, 1):
            progress = shared.event.generation_progress
            self._seq = shared.event.seq
            self._count = count_of(progress.progress)
            if progress.terminal:
                self.ended = True
                return kept[:number]
        return kept

    async def _from_sql(self) -> list[SharedEvent]:
        records = await self._store.events_after(self._job.id, self._seq)
        events = (events_pb2.Event.FromString(record.payload) for record in records)
        return [SharedEvent(event, str(event.seq)) for event in events]
