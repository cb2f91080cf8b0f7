"""Ephemeral events that wait to be sent: of each job the newest stands for all."""

from atelier.events.v1 import events_pb2

Event = events_pb2.Event


def coalesce(waiting: Event | None, event: Event) -> Event:
    """`event` in the place of the one that waits, with that one's preview when it has none of its own."""
    update = event.generation_progress
    if waiting is not None and waiting.seq == event.seq and not update.preview:
        update.preview = waiting.generation_progress.preview
        update.preview_content_type = waiting.generation_progress.preview_content_type
    return event


def drop_preview(event: Event) -> None:
    """Leaves the numbers."""
    event.generation_progress.ClearField("preview")
    event.generation_progress.ClearField("preview_content_type")
