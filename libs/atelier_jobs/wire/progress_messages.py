"""Progress as a message, and back; and its detail, a message of the kind's own contract."""

from typing import TypeVar

from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message

from atelier.jobs.v1 import job_pb2
from atelier_jobs.domain.progress import Progress

MessageT = TypeVar("MessageT", bound=Message)
_MAX_DETAIL_BYTES = 4096


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


def reported_progress(message: job_pb2.Progress) -> Progress:
    """The progress that a worker reports, without a detail that cannot be written as JSON here.

    Neither could the gateway write it: the owner's streams and lists of jobs would end with an error.
    """
    if not message.HasField("detail") or _is_readable(message.detail):
        return progress_from(message)
    readable = job_pb2.Progress()
    readable.CopyFrom(message)
    readable.ClearField("detail")
    return progress_from(readable)


def _is_readable(detail: AnyMessage) -> bool:
    if detail.ByteSize() > _MAX_DETAIL_BYTES:
        return False
    try:
        json_format.MessageToDict(detail)
    except (TypeError, ValueError, DecodeError, json_format.Error):
        return False
    return True
