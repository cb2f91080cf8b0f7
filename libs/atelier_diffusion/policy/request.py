"""What to draw, with everything resolved: the same request and the same model give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from atelier_diffusion.policy.errors import EngineError

if TYPE_CHECKING:  # an API process reads this too, and has no numpy
    import numpy as np
    from numpy.typing import NDArray

SchedulerName = Literal["DDIM", "EULER", "EULER_ANCESTRAL", "DPMPP_2M", "LCM"]
SCHEDULERS: tuple[SchedulerName, ...] = get_args(SchedulerName)

SEED_RANGE = 2**32


@dataclass(frozen=True, slots=True)
class DrawingRequest:
    """What every request says, for pictures and for clips.

    Sizes are in pixels. `guidance_scale` from 0 to 1 means no guidance (and half the work). `seed` is from 0 to
    2^32 - 1. Raises `EngineError` INVALID_REQUEST for values that no model could take.
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
        """Whether the network runs twice a step, for the negative prompt and for the prompt."""
        return self.guidance_scale > 1.0


@dataclass(frozen=True, slots=True)
class ImageRequest(DrawingRequest):
    """One request for `count` pictures; `seed` is that of the first."""

    count: int = 1

    def __post_init__(self) -> None:
        DrawingRequest.__post_init__(self)  # super() does not find its way in a dataclass with slots
        if self.count < 1:
            raise EngineError("INVALID_REQUEST", "count must be at least 1")

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each picture: picture k has seed + k, modulo 2^32."""
        return tuple((self.seed + k) % SEED_RANGE for k in range(self.count))

    def alone(self, index: int) -> ImageRequest:
        """The request that makes picture `index` of this one by itself, to the bit."""
        return replace(self, seed=self.seeds[index], count=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest(DrawingRequest):
    """One request for a clip of `frames` pictures.

    `first_frame` is a picture that the clip begins with (height × width × 3, uint8, sRGB), of the clip's size, for
    models that take one.
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
