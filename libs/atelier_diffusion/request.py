"""What to draw, with everything resolved: the same request and the same model give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from atelier_diffusion.errors import EngineError

SchedulerName = Literal["DDIM", "EULER", "EULER_ANCESTRAL", "DPMPP_2M"]
SCHEDULERS: tuple[SchedulerName, ...] = get_args(SchedulerName)

SEED_RANGE = 2**32


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One request for `count` pictures.

    Sizes are in pixels. `guidance_scale` 1 means no guidance (and half the work). `seed` is that of the first
    picture, 0 to 2^32 - 1. Raises `EngineError` INVALID_REQUEST for values that no model could take.
    """

    prompt: str
    negative_prompt: str
    width_px: int
    height_px: int
    steps: int
    guidance_scale: float
    seed: int
    scheduler: SchedulerName
    count: int = 1

    def __post_init__(self) -> None:
        if self.scheduler not in SCHEDULERS:
            raise EngineError("INVALID_REQUEST", f"scheduler must be one of {', '.join(SCHEDULERS)}")
        if self.steps < 1 or self.count < 1 or self.width_px < 1 or self.height_px < 1:
            raise EngineError("INVALID_REQUEST", "steps, count and sizes must be at least 1")
        if not 0 <= self.seed < SEED_RANGE:
            raise EngineError("INVALID_REQUEST", "seed must be from 0 to 4294967295")
        if not 1.0 <= self.guidance_scale < float("inf"):
            raise EngineError("INVALID_REQUEST", "guidance_scale must be a finite number of at least 1")

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each picture: picture k has seed + k, modulo 2^32."""
        return tuple((self.seed + k) % SEED_RANGE for k in range(self.count))

    def alone(self, index: int) -> ImageRequest:
        """The request that makes picture `index` of this one by itself, to the bit."""
        return replace(self, seed=self.seeds[index], count=1)
