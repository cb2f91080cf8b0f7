"""What to draw: as the caller asked for it, and with everything filled in."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from atelier_diffusion.model_card import ModelCard
from atelier_diffusion.request import SEED_RANGE, ImageRequest, SchedulerName
from atelier_service.errors import FieldViolation, InvalidArgumentError

FormatName = Literal["PNG", "WEBP", "JPEG"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it was sent; None is what the caller left out. Its field rules were checked before."""

    prompt: str
    negative_prompt: str = ""
    model: str = ""
    width_px: int | None = None
    height_px: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    seed: int | None = None
    scheduler: SchedulerName | None = None
    count: int | None = None
    output_format: FormatName | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """A request with nothing left open: asked again, it makes the same bytes on the same weights.

    `metadata` are the caller's own labels: kept and echoed, but no part of the picture.
    """

    prompt: str
    negative_prompt: str
    model: str
    width_px: int
    height_px: int
    steps: int
    guidance_scale: float
    seed: int
    scheduler: SchedulerName
    count: int
    output_format: FormatName
    metadata: Mapping[str, str]

    def request(self) -> ImageRequest:
        """The same for the engine."""
        return ImageRequest(
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            width_px=self.width_px,
            height_px=self.height_px,
            steps=self.steps,
            guidance_scale=self.guidance_scale,
            seed=self.seed,
            scheduler=self.scheduler,
            count=self.count,
        )

    def drawn(self) -> dict[str, Any]:
        """All that the pictures depend on: everything but the labels."""
        values = asdict(self)
        del values["metadata"]
        return values

    def to_bytes(self) -> bytes:
        """As the job keeps them: JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Parameters":
        """What `to_bytes` wrote."""
        return cls(**json.loads(data))


def resolve(asked: Asked, card: ModelCard, draw_seed: Callable[[], int]) -> Parameters:
    """Fills in from the model's card what was left out; `draw_seed` is asked only when there is no seed.

    Raises InvalidArgumentError that names each side of a size that the model cannot draw.
    """
    defaults = card.defaults
    resolved = Parameters(
        prompt=asked.prompt,
        negative_prompt=asked.negative_prompt,
        model=card.id,
        width_px=_given(asked.width_px, defaults.width_px),
        height_px=_given(asked.height_px, defaults.height_px),
        steps=_given(asked.steps, defaults.steps),
        guidance_scale=float(defaults.guidance_scale if asked.guidance_scale is None else asked.guidance_scale),
        seed=draw_seed() % SEED_RANGE if asked.seed is None else asked.seed,
        scheduler=asked.scheduler or defaults.scheduler,
        count=_given(asked.count, 1),
        output_format=asked.output_format or "PNG",
        metadata=dict(asked.metadata),
    )
    _check_size(resolved, card)
    return resolved


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def _check_size(parameters: Parameters, card: ModelCard) -> None:
    rule = f"must be a multiple of {card.size_multiple_px} up to {card.max_size_px} for the model {card.id}"
    wrong = [
        FieldViolation(name, rule)
        for name, size in (("width_px", parameters.width_px), ("height_px", parameters.height_px))
        if size % card.size_multiple_px or size > card.max_size_px
    ]
    if wrong:
        text = "; ".join(f"{violation.field}: {violation.description}" for violation in wrong)
        raise InvalidArgumentError("INVALID_SIZE", text, fields=wrong)
