"""What a service and the process that draws for it say to each other.

Pickles over a socket pair that only these two processes hold: each is a length (4 bytes, big-endian) and a message.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from atelier_diffusion.engine.hardware import MemoryReading
from atelier_diffusion.engine.model_cache import ModelStatus
from atelier_diffusion.engine.results import FrameChunk
from atelier_diffusion.policy.errors import EngineError

HEADER = struct.Struct(">I")

# Calls that use the device: one at a time, in their order. Others are done beside them.
ON_THE_DEVICE = frozenset({"generate", "warm_up"})


@dataclass(frozen=True, slots=True)
class Open:
    """The first message: `opens(listener=…, **options)` makes the engine. It travels by its name, so it must be a
    module's own function."""

    opens: Callable[..., Any]
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """The answer to `Open`; an `EngineError` in place of it says why there is no engine. See EngineDevice."""

    device_kind: str
    device_name: str
    dtype: str
    statuses: tuple[ModelStatus, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """Calls a method of the engine. What needs the device is done in order, the rest at once.

    `takes_frames`: the method is given `on_frames`, and each `Decoded` is answered with `Taken`.
    """

    number: int
    method: str
    arguments: tuple[Any, ...] = ()
    takes_frames: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """Nobody waits for this call any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The chunk of frames that this call sent has been taken; another may be sent."""

    number: int


@dataclass(frozen=True, slots=True)
class StepDone:
    """A denoising step of a call, or with step 0 its beginning.

    `step` and `steps` count over all pictures of the request and never go back. `began_ns` and `ended_ns` are
    nanoseconds since the epoch. `preview` is a small JPEG, or empty.
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
    """Frames of a call's clip. No more are sent until `Taken` answers. Times as in `StepDone`."""

    number: int
    chunk: FrameChunk
    began_ns: int
    ended_ns: int


@dataclass(frozen=True, slots=True)
class Returned:
    """What a call came to; `seconds` on the device, from its turn to its end, without those in which it waited for
    its frames to be taken."""

    number: int
    value: Any
    seconds: float


@dataclass(frozen=True, slots=True)
class Raised:
    """What a call raised: an `EngineError`, or something that nobody expected; `trace` is for the log."""

    number: int
    error: EngineError | None
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """A model stands differently now."""

    status: ModelStatus


@dataclass(frozen=True, slots=True)
class Memory:
    """How full the device is; said with every change of a model and every return."""

    reading: MemoryReading


def packed(message: object) -> bytes:
    """A message as it travels."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(body)) + body


def unpacked(body: bytes) -> Any:
    """The message that `body`, without its length, holds."""
    return pickle.loads(body)  # noqa: S301 - from a process of our own, by a socket that nobody else holds
