"""Coalescing of ephemeral events that wait to be sent: the newest of a job replaces the earlier ones."""

from atelier.events.v1 import events_pb2

Event = events_pb2.Event


def coalesce(waiting: Event | None, event: Event) -> Event:
    """Returns `event`, which replaces the waiting one, with that one's preview when it has none of its own."""
    update = event.generation_progress
    if waiting is not None and waiting.seq == event.seq and not update.preview:
        update.preview = waiting.generation_progress.preview
        update.preview_content_type = waiting.generation_progress.preview_content_type
    return event


def drop_preview(event: Event) -> None:
    """Removes the preview from a progress event."""
    event.generation_progress.ClearField("preview")
    event.generation_progress.ClearField("preview_content_type")
