"""Ephemeral events on their way to watchers: the newest of each job, as often as the number of watchers allows."""

import asyncio
from collections.abc import Callable

from atelier.events.v1 import events_pb2
from atelier_jobs.events.ephemeral import coalesce, drop_preview
from atelier_jobs.events.pace import Pace
from atelier_jobs.events.shared_event import SharedEvent


class EphemeralEvents:
    """Holds the newest event of each job until it is due. `hand_out` returns how many watchers took an event."""

    def __init__(self, pace: Pace, hand_out: Callable[[str, SharedEvent], int]) -> None:
        self._pace = pace
        self._hand_out = hand_out
        self._waiting: dict[tuple[str, str], events_pb2.Event] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = self._preview_due = 0.0

    def offer(self, owner: str, event: events_pb2.Event) -> None:
        """Takes an event of `owner` (a token of a subject) in."""
        key = (owner, event.job_id)
        self._waiting[key] = coalesce(self._waiting.get(key), event)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(self._due, self._publish)

    def forget(self, owner: str, job_id: str) -> None:
        """Drops what waits of a job: something newer happened to it."""
        self._waiting.pop((owner, job_id), None)

    def close(self) -> None:
        """Publishes nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _publish(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        waiting, self._waiting = self._waiting, {}
        previews_due = now >= self._preview_due
        updates = previews = 0
        for (owner, _), event in waiting.items():
            if not previews_due:
                drop_preview(event)
            took = self._hand_out(owner, SharedEvent(event))
            updates += took
            previews += took if event.generation_progress.preview else 0
        self._due = now + self._pace.after_updates(updates)
        if previews:
            self._preview_due = now + self._pace.after_previews(previews)
