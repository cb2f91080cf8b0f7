"""What the messages of all contracts have in common."""

import hashlib
from typing import cast, get_args

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from atelier.type.v1 import type_pb2
from atelier_diffusion.request import SchedulerName


def request_hash(parameters: Message) -> bytes:
    """SHA-256 of a request as it was sent: what left the seed open asks for the same when it is sent again."""
    return hashlib.sha256(parameters.SerializeToString(deterministic=True)).digest()


def timestamp_message(time_us: int) -> Timestamp | None:
    """Microseconds since the epoch; None for 0, which means not yet."""
    if not time_us:
        return None
    timestamp = Timestamp()
    timestamp.FromMicroseconds(time_us)
    return timestamp


def scheduler_name(value: type_pb2.Scheduler.ValueType) -> SchedulerName | None:
    """A scheduler as the engine calls it; None when it was left out."""
    name = type_pb2.Scheduler.Name(value)
    return cast(SchedulerName, name) if name in get_args(SchedulerName) else None
