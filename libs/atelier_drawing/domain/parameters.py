"""What every request says, for pictures and for clips: as the caller asked for it, and with everything filled in."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from atelier_diffusion.policy.model_card import ModelCard
from atelier_diffusion.policy.request import SEED_RANGE, DrawingRequest, SchedulerName
from atelier_service.errors import FieldViolation, InvalidArgumentError

_UNIT_COST = 512 * 512 * 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedDrawing:
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
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawingParameters:
    """A request with nothing left open: asked again, it makes the same bytes on the same weights.

    `metadata` are the caller's own labels: kept and echoed, but no part of what is drawn.
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
    metadata: Mapping[str, str]

    @property
    def cost(self) -> float:
        """What it takes, for fair shares; a picture of 512 × 512 pixels in 20 steps takes 1."""
        return self.width_px * self.height_px * self.steps / _UNIT_COST

    def drawn(self) -> dict[str, Any]:
        """All that the files depend on: everything but the labels."""
        values = asdict(self)
        del values["metadata"]
        return values

    def request_fields(self) -> dict[str, Any]:
        """The fields of DrawingRequest: what the engine is asked, whatever it draws."""
        return {each.name: getattr(self, each.name) for each in fields(DrawingRequest)}

    def to_bytes(self) -> bytes:
        """As the job keeps them: JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` wrote."""
        return cls(**json.loads(data))


def resolved_drawing(asked: AskedDrawing, card: ModelCard, draw_seed: Callable[[], int]) -> dict[str, Any]:
    """The fields of DrawingParameters, with what was left out filled in from the model's card; `draw_seed` is asked
    only when there is no seed.

    Raises InvalidArgumentError that names each side of a size, or the scheduler, that the model cannot draw with.
    """
    defaults = card.defaults
    resolved: dict[str, Any] = {
        "prompt": asked.prompt,
        "negative_prompt": asked.negative_prompt,
        "model": card.id,
        "width_px": given(asked.width_px, defaults.width_px),
        "height_px": given(asked.height_px, defaults.height_px),
        "steps": given(asked.steps, defaults.steps),
        "guidance_scale": float(defaults.guidance_scale if asked.guidance_scale is None else asked.guidance_scale),
        "seed": draw_seed() % SEED_RANGE if asked.seed is None else asked.seed,
        "scheduler": asked.scheduler or defaults.scheduler,
        "metadata": dict(asked.metadata),
    }
    _check_size(resolved, card)
    if card.schedulers and resolved["scheduler"] not in card.schedulers:
        text = f"the model {card.id} draws with {' or '.join(card.schedulers)} only"
        raise InvalidArgumentError.of_field("scheduler", text, reason="INVALID_SCHEDULER")
    return resolved


def given(value: int | None, default: int) -> int:
    """What was asked for, or else the default."""
    return default if value is None else value


def _check_size(resolved: Mapping[str, Any], card: ModelCard) -> None:
    rule = f"must be a multiple of {card.size_multiple_px} up to {card.max_size_px} for the model {card.id}"
    wrong = [
        FieldViolation(name, rule)
        for name in ("width_px", "height_px")
        if resolved[name] % card.size_multiple_px or resolved[name] > card.max_size_px
    ]
    if wrong:
        text = "; ".join(f"{violation.field}: {violation.description}" for violation in wrong)
        raise InvalidArgumentError("INVALID_SIZE", text, fields=wrong)
