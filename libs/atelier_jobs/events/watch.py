"""Watching one job as a stream: a snapshot or the events that were missed, new events, and the end."""

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
from atelier_jobs.events.job_feed import JobFeed
from atelier_jobs.events.pace import Audience, Pace
from atelier_jobs.events.shared_event import SharedEvent
from atelier_jobs.messaging.bus import Bus
from atelier_jobs.wire.progress_messages import progress_from
from atelier_service.tasks import cancel_and_join


@dataclass(slots=True)
class _Open:
    feed: JobFeed
    task: asyncio.Task[None]
    watchers: int = 0


class Watching:
    """Watches jobs through the database and the bus; all watchers of one job share its feed."""

    def __init__(
        self,
        jobs: JobStore,
        bus: Bus,
        events: EventFactory,
        *,
        heartbeat_s: float = 15.0,
        rate_per_s: float = 500.0,
    ) -> None:
        """Creates the watch.

        Args:
            jobs: The job store.
            bus: Where events are published.
            events: Makes messages of stored events.
            heartbeat_s: Seconds without an event after which a heartbeat is sent.
            rate_per_s: Ephemeral events per second, for all watchers of this process together; see Pace.
        """
        self._jobs = jobs
        self._bus = bus
        self._events = events
        self._heartbeat_s = heartbeat_s
        self._pace = Pace(rate_per_s)
        self._audience = Audience()
        self._feeds: dict[tuple[str, str, bool], _Open] = {}

    async def events(
        self, owner: str, job_id: str, after_seq: int | None = None, *, ephemeral: bool = True
    ) -> AsyncGenerator[SharedEvent, None]:
        """Yields a snapshot (or, with `after_seq`, every durable event after that number), then new events to the end.

        Only the last event has `terminal` set: the end of the revision that is watched (with CANCELED, SUPERSEDED when
        the job is restarted meanwhile; with CANCELED, DELETED when it is deleted). Durable events are without gaps and
        in order, however slowly they are consumed; the ephemeral ones in between never go back. While the broker is
        unavailable the stream consists of heartbeats, for each of which SQL is read.

        Args:
            owner: The caller.
            job_id: The job.
            after_seq: The number of the last durable event that the watcher has.
            ephemeral: False for durable events only.

        Raises:
            NotFoundError: The owner has no such job; at the first iteration.
            UnavailableError: The database is unavailable.
        """
        async with self._feed(owner, job_id, ephemeral) as feed:
            watcher = _Watcher(self._jobs, self._events, await self._jobs.get(owner, job_id), feed)
            for shared in await watcher.begin(after_seq):
                yield shared
            while not watcher.ended:
                found = await watcher.next()
                for shared in found:
                    yield shared
                if not found:
                    await feed.wait()

    async def end(self, owner: str, job_id: str, timeout_s: float) -> Job:
        """Waits for the end of a job, at most `timeout_s` seconds, and returns the job. Raises like `events`."""
        try:
            async with asyncio.timeout(timeout_s), aclosing(self.events(owner, job_id, ephemeral=False)) as events:
                async for _ in events:
                    pass
        except TimeoutError:
            pass
        return await self._jobs.get(owner, job_id)

    @asynccontextmanager
    async def _feed(self, owner: str, job_id: str, ephemeral: bool) -> AsyncIterator[JobFeed]:
        key = (owner, job_id, ephemeral)
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
                ephemeral=ephemeral,
            )
            # In a context of its own: a feed belongs to no call and to no trace.
            task = asyncio.create_task(feed.run(), name=f"feed-{job_id}", context=Context())
            opened = self._feeds[key] = _Open(feed, task)
        opened.watchers += 1
        self._audience.size += ephemeral
        try:
            await opened.feed.ready()
            yield opened.feed
        finally:
            opened.watchers -= 1
            self._audience.size -= ephemeral
            if not opened.watchers:
                if self._feeds.get(key) is opened:
                    del self._feeds[key]
                await cancel_and_join(opened.task)


class _Watcher:
    """The position of one watcher: what it was sent, and what is next."""

    def __init__(self, store: JobStore, events: EventFactory, job: Job, feed: JobFeed) -> None:
        self._store = store
        self._events = events
        self._job = job
        self._feed = feed
        self._seq = job.seq
        self._progress = job.progress
        # A new watcher gets the newest progress, but no old heartbeat.
        newest = feed.ephemeral
        self._ephemeral = newest if newest is not None and newest.event.HasField("heartbeat") else None
        self.ended = False

    async def begin(self, after_seq: int | None) -> list[SharedEvent]:
        """Returns the first events of the stream."""
        if after_seq is None or after_seq >= self._job.seq:
            self.ended = self._job.state.terminal
            if after_seq is None or self.ended:
                return [SharedEvent(self._events.snapshot(self._job, time.time_ns() // 1000), str(self._seq))]
            return []
        self._seq = after_seq
        return self._up_to_the_end(await self._from_sql())

    async def next(self) -> list[SharedEvent]:
        """Returns new events: durable ones, or one ephemeral event, or none."""
        durable = self._feed.durable_after(self._seq)
        if durable is None:
            durable = await self._from_sql() or self._feed.remembered()  # SQL has nothing of a deleted job
        if durable:
            return self._up_to_the_end(durable)
        newest = self._feed.ephemeral
        if newest is None or newest is self._ephemeral:
            return []
        self._ephemeral = newest
        return [newest] if self._fits(newest.event) else []

    def _fits(self, event: events_pb2.Event) -> bool:
        """Returns whether an ephemeral event is a heartbeat, or progress that does not go back."""
        if event.HasField("heartbeat"):
            return True
        update = event.generation_progress
        progress = progress_from(update.progress)
        if event.seq != self._seq or progress.is_behind(self._progress):
            return False
        if progress == self._progress and not update.preview:
            return False
        self._progress = progress
        return True

    def _up_to_the_end(self, durable: list[SharedEvent]) -> list[SharedEvent]:
        """Advances the position by durable events, and returns those up to the end of the revision."""
        for number, shared in enumerate(durable, 1):
            update = shared.event.generation_progress
            self._seq = shared.event.seq
            self._progress = progress_from(update.progress)
            if update.terminal:
                self.ended = True
                return durable[:number]
        return durable

    async def _from_sql(self) -> list[SharedEvent]:
        events = await self._store.events_after(self._job.id, self._seq)
        return [SharedEvent(self._events.changed(event), str(event.seq)) for event in events]
