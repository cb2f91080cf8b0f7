"""Progress as a message, and back; and its detail, a message of the kind's own contract."""

from typing import TypeVar

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from atelier.jobs.v1 import job_pb2
from atelier_jobs.domain.progress import Progress

MessageT = TypeVar("MessageT", bound=Message)


def progress_message(progress: Progress) -> job_pb2.Progress:
    """Makes the message of a progress."""
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
    """Makes the progress from its message."""
    return Progress(
        stage=message.stage,
        done=message.done,
        total=message.total,
        unit=message.unit,
        fraction=message.fraction,
        detail=message.detail.SerializeToString() if message.HasField("detail") else b"",
    )


def pack_detail(detail: Message) -> bytes:
    """Encodes a message of the kind's own contract as Progress.detail, which the plane passes on unread."""
    packed = AnyMessage()
    packed.Pack(detail)
    return packed.SerializeToString()


def unpack_detail(progress: Progress, into: type[MessageT]) -> MessageT:
    """Decodes the detail of a progress; an empty message when it has none, or one of another type."""
    detail = into()
    AnyMessage.FromString(progress.detail).Unpack(detail)
    return detail
