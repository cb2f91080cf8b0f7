"""Following a job, without asking again and again."""

from collections.abc import AsyncGenerator

from atelier.events.v1 import events_pb2
from atelier_jobs.bus import Bus
from atelier_jobs.events import EventFactory
from atelier_jobs.job import Job
from atelier_jobs.store import JobStore
from atelier_jobs.watch import wait_for_end, watch


class Watching:
    """Watches jobs through the database and the bus. Whose they are is checked at the first step."""

    def __init__(self, jobs: JobStore, bus: Bus, events: EventFactory, *, heartbeat_s: float) -> None:
        self._jobs = jobs
        self._bus = bus
        self._events = events
        self._heartbeat_s = heartbeat_s

    def events(self, owner: str, job_id: str, after_seq: int | None) -> AsyncGenerator[events_pb2.Event, None]:
        """A snapshot or the kept events after a number, then what happens; the last one is terminal."""
        return watch(
            self._jobs,
            self._bus,
            self._events,
            owner=owner,
            job_id=job_id,
            after_seq=after_seq,
            heartbeat_s=self._heartbeat_s,
        )

    async def end(self, owner: str, job_id: str, timeout_s: float) -> Job:
        """The job when it has ended, or as it stands after `timeout_s`."""
        return await wait_for_end(self._jobs, self._bus, self._events, owner=owner, job_id=job_id, timeout_s=timeout_s)
