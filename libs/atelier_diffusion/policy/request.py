"""Engine requests: what to draw, with every parameter set. Equal requests to equal weights return equal bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from atelier_diffusion.policy.errors import EngineError

if TYPE_CHECKING:  # API processes import this module and have no numpy
    import numpy as np
    from numpy.typing import NDArray

SchedulerName = Literal["DDIM", "EULER", "EULER_ANCESTRAL", "DPMPP_2M", "LCM"]
SCHEDULERS: tuple[SchedulerName, ...] = get_args(SchedulerName)

SEED_RANGE = 2**32


@dataclass(frozen=True, slots=True)
class DrawingRequest:
    """The parameters that requests for pictures and for clips have in common.

    Attributes:
        prompt: What to draw.
        negative_prompt: What not to draw; may be empty.
        width_px: Width in pixels, at least 1.
        height_px: Height in pixels, at least 1.
        steps: Denoising steps, at least 1.
        guidance_scale: Weight of classifier-free guidance, at least 0. From 0 to 1 there is no guidance, and half the
            work.
        seed: Seed of the noise, from 0 to 2^32 - 1.
        scheduler: The noise scheduler.

    Raises:
        EngineError: INVALID_REQUEST, a value that no model can take.
    """

    prompt: str
    negative_prompt: str
    width_px: int
    height_px: int
    steps: int
    guidance_scale: float
    seed: int
    scheduler: SchedulerName

    def __post_init__(self) -> None:
        if self.scheduler not in SCHEDULERS:
            raise EngineError("INVALID_REQUEST", f"scheduler must be one of {', '.join(SCHEDULERS)}")
        if self.steps < 1 or self.width_px < 1 or self.height_px < 1:
            raise EngineError("INVALID_REQUEST", "steps and sizes must be at least 1")
        if not 0 <= self.seed < SEED_RANGE:
            raise EngineError("INVALID_REQUEST", "seed must be from 0 to 4294967295")
        if not 0.0 <= self.guidance_scale < float("inf"):
            raise EngineError("INVALID_REQUEST", "guidance_scale must be a finite number of at least 0")

    @property
    def is_guided(self) -> bool:
        """Whether the network runs twice a step: for the negative prompt and for the prompt."""
        return self.guidance_scale > 1.0

    @property
    def pictures(self) -> int:
        """How many pictures, or frames of a clip, are drawn."""
        return 1

    def to_json(self) -> dict[str, Any]:
        """The parameters as JSON values by field name; a first frame, which is no JSON value, is left out."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "first_frame"}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Reads what `to_json` returned. `values` may hold other names too: they are ignored.

        Raises:
            TypeError: A parameter is missing.
            EngineError: INVALID_REQUEST.
        """
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})


@dataclass(frozen=True, slots=True)
class ImageRequest(DrawingRequest):
    """One request for `count` pictures; `seed` is that of the first."""

    count: int = 1

    def __post_init__(self) -> None:
        DrawingRequest.__post_init__(self)  # super() without arguments does not work in a dataclass with slots
        if self.count < 1:
            raise EngineError("INVALID_REQUEST", "count must be at least 1")

    @property
    def pictures(self) -> int:
        """How many pictures are drawn."""
        return self.count

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each picture: picture k has seed + k, modulo 2^32."""
        return tuple((self.seed + k) % SEED_RANGE for k in range(self.count))

    def alone(self, index: int) -> ImageRequest:
        """The request that draws picture `index` of this one by itself, bit for bit."""
        return replace(self, seed=self.seeds[index], count=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest(DrawingRequest):
    """One request for a clip.

    Attributes:
        frames: The number of frames to draw, at least 1.
        first_frame: The picture that the clip begins with, for models that take one: (height, width, 3), uint8, sRGB,
            of the clip's size.
    """

    frames: int
    first_frame: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        DrawingRequest.__post_init__(self)
        if self.frames < 1:
            raise EngineError("INVALID_REQUEST", "frames must be at least 1")
        first = self.first_frame
        if first is not None and (first.dtype.name != "uint8" or first.shape != (self.height_px, self.width_px, 3)):
            raise EngineError("INVALID_REQUEST", "first_frame must have the clip's size, and 3 bytes a pixel")

    @property
    def pictures(self) -> int:
        """How many frames are drawn."""
        return self.frames
