"""The detail of a progress: a message of the kind's own contract, packed so that the plane can pass it on unread."""

from typing import TypeVar

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from atelier_jobs.domain.progress import Progress

MessageT = TypeVar("MessageT", bound=Message)


def pack(detail: Message) -> bytes:
    """`detail` as Progress.detail holds it."""
    packed = AnyMessage()
    packed.Pack(detail)
    return packed.SerializeToString()


def unpack(progress: Progress, into: type[MessageT]) -> MessageT:
    """The detail of a progress; an empty message when it has none, or one of another type."""
    detail = into()
    AnyMessage.FromString(progress.detail).Unpack(detail)
    return detail
