"""Progress as a message, and back."""

from atelier.jobs.v1 import job_pb2
from atelier_jobs.domain.progress import Progress


def progress_message(progress: Progress) -> job_pb2.Progress:
    """A progress as a message."""
    message = job_pb2.Progress(
        stage=progress.stage,
        done=progress.done,
        total=progress.total,
        unit=progress.unit,
        fraction=progress.fraction,
    )
    if progress.detail:
        message.detail.ParseFromString(progress.detail)
    return message


def progress_from(message: job_pb2.Progress) -> Progress:
    """The progress that `progress_message` made a message of."""
    return Progress(
        stage=message.stage,
        done=message.done,
        total=message.total,
        unit=message.unit,
        fraction=message.fraction,
        detail=message.detail.SerializeToString() if message.HasField("detail") else b"",
    )
