"""The status board: the state of the mesh, as workers and services report it every few seconds."""

import time
from collections.abc import Callable

from google.protobuf.timestamp_pb2 import Timestamp

from atelier.events.v1 import events_pb2
from atelier_jobs.messaging.bus import Bus

# Three missed reports.
_FORGET_AFTER_S = 15.0


class StatusBoard:
    """Stores the last report of each worker and queue; calls `on_change` when a worker appears or disappears."""

    def __init__(self, bus: Bus, on_change: Callable[[events_pb2.Event], None]) -> None:
        self._bus = bus
        self._on_change = on_change
        self._workers: dict[str, tuple[float, events_pb2.WorkerReport]] = {}
        self._queues: dict[str, tuple[float, events_pb2.QueueStatus]] = {}
        self._known: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Listens until cancelled."""
        async with self._bus.subscribe("system.worker.*", "system.queue.*") as reports:
            async for report in reports:
                now = time.monotonic()
                if report.subject.startswith("system.worker."):
                    worker = events_pb2.WorkerReport.FromString(report.data)
                    self._workers[worker.status.id] = (now, worker)
                    self.tell_changes()
                else:
                    queue = events_pb2.QueueStatus.FromString(report.data)
                    self._queues[queue.kind] = (now, queue)

    def workers(self, owner: str = "", *, every_job: bool = False) -> list[events_pb2.WorkerStatus]:
        """Workers that reported lately, by id, with the jobs of `owner` only, or with every job."""
        oldest = time.monotonic() - _FORGET_AFTER_S
        self._workers = {k: v for k, v in self._workers.items() if v[0] > oldest}
        return [_seen_by(self._workers[k][1], owner, every_job) for k in sorted(self._workers)]

    def queues(self) -> list[events_pb2.QueueStatus]:
        """Queues that were reported lately, by kind."""
        oldest = time.monotonic() - _FORGET_AFTER_S
        self._queues = {k: v for k, v in self._queues.items() if v[0] > oldest}
        return [self._queues[k][1] for k in sorted(self._queues)]

    def event(self) -> events_pb2.Event:
        """The state as an event for all callers, and so without jobs."""
        now = Timestamp()
        now.GetCurrentTime()
        status = events_pb2.SystemStatus(workers=self.workers(), queues=self.queues())
        return events_pb2.Event(type="system.status", time=now, system_status=status)

    def tell_changes(self) -> None:
        """Calls `on_change` when the set of workers has changed."""
        known = frozenset(w.id for w in self.workers())
        if known != self._known:
            self._known = known
            self._on_change(self.event())


def _seen_by(report: events_pb2.WorkerReport, owner: str, every_job: bool) -> events_pb2.WorkerStatus:
    status = events_pb2.WorkerStatus()
    status.CopyFrom(report.status)
    if not every_job and (not owner or report.job_owner != owner):
        status.job_id = ""
    return status
