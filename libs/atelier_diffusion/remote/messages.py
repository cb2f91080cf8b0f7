"""The messages between a worker and its engine process, and their encoding.

They are pickles over a socket pair that only these two processes hold: a length (4 bytes, big-endian), and the message.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from atelier_diffusion.engine.hardware import MemoryReading
from atelier_diffusion.engine.model_store import ModelStatus
from atelier_diffusion.engine.results import FrameChunk
from atelier_diffusion.policy.errors import EngineError

HEADER = struct.Struct(">I")

# Methods that use the device: one call at a time, in their order. Others run beside them.
ON_THE_DEVICE = frozenset({"generate", "warm_up"})


@dataclass(frozen=True, slots=True)
class Open:
    """The first message: `opens(listener=…, **options)` makes the engine. It is pickled by name, so it must be a
    function of a module."""

    opens: Callable[..., Any]
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """The engine is open; an `EngineError` is sent instead when it cannot be opened. See `EngineDevice`."""

    device_kind: str
    device_name: str
    dtype: str
    statuses: tuple[ModelStatus, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """Calls a method of the engine.

    Attributes:
        number: Identifies the call in all messages that follow.
        takes_frames: The method takes `on_frames`; each `Decoded` must be acknowledged with `Taken`.
    """

    number: int
    method: str
    arguments: tuple[Any, ...] = ()
    takes_frames: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """Cancels a call."""

    number: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Acknowledges the chunk of frames that this call sent; the next may be sent."""

    number: int


@dataclass(frozen=True, slots=True)
class StepDone:
    """A denoising step of a call, or with step 0 its start.

    Attributes:
        step: Steps done, over all pictures of the request; never decreases.
        steps: Steps in all.
        picture_index: The picture that the step was for.
        began_ns: Start of the step, in nanoseconds since the epoch.
        ended_ns: Its end.
        preview: A small JPEG, or empty.
    """

    number: int
    step: int
    steps: int
    picture_index: int
    began_ns: int
    ended_ns: int
    preview: bytes = b""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Frames of a call's clip; the next are sent after `Taken`. Times as in `StepDone`."""

    number: int
    chunk: FrameChunk
    began_ns: int
    ended_ns: int


@dataclass(frozen=True, slots=True)
class Returned:
    """A call returned `value`.

    Attributes:
        seconds: Time on the device, from the call's turn to its end, without waiting for `Taken`.
    """

    number: int
    value: Any
    seconds: float


@dataclass(frozen=True, slots=True)
class Raised:
    """A call raised.

    Attributes:
        error: The `EngineError`; None for an unexpected exception and for a cancelled call.
        trace: A stack trace for the log; may be empty.
    """

    number: int
    error: EngineError | None
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """The status of a model changed."""

    status: ModelStatus


@dataclass(frozen=True, slots=True)
class Memory:
    """The device's memory; sent before the end of every call."""

    reading: MemoryReading


def packed(message: object) -> bytes:
    """Encodes a message, with its length."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(body)) + body


def unpacked(body: bytes) -> Any:
    """Decodes a message from `body`, which has no length."""
    return pickle.loads(body)  # noqa: S301 - from a process of our own, by a socket that no other process holds
