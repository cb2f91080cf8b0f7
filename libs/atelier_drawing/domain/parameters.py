"""Parameters of drawing jobs: as a caller sent them, and with every value set."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, TypeVar

from atelier_diffusion.policy.model_card import ModelCard
from atelier_diffusion.policy.noise_schedule import evaluations_of
from atelier_diffusion.policy.request import SEED_RANGE, DrawingRequest, SchedulerName
from atelier_service.errors import FieldViolation, InvalidArgumentError

T = TypeVar("T")
RequestT = TypeVar("RequestT", bound=DrawingRequest)
RequestT_co = TypeVar("RequestT_co", bound=DrawingRequest, covariant=True)

_UNIT_COST = 512 * 512 * 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedDrawing:
    """Parameters as a caller sent them, after the contract's field rules. None: the caller left it out."""

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

    @property
    def is_seeded(self) -> bool:
        """True if the caller sent a seed."""
        return self.seed is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawingParameters(Generic[RequestT_co]):
    """The spec of a drawing job: an engine request with every value set, and fields that the engine does not need.

    Equal parameters give equal bytes from equal weights. A subclass adds the fields that its files also depend on.

    Attributes:
        model: Id of the model.
        request: The request to the engine.
        metadata: The caller's own labels, which the files do not depend on.
    """

    model: str
    request: RequestT_co
    metadata: Mapping[str, str]

    @property
    def cost(self) -> float:
        """Work of the job, for fair shares between owners: 1 is one picture of 512 × 512 pixels in 20 steps."""
        request = self.request
        runs = max(1, request.drawn_steps * evaluations_of(request.scheduler))  # only encoded or decoded: about one
        return request.pictures * request.width_px * request.height_px * runs / _UNIT_COST

    def drawn(self) -> dict[str, Any]:
        """Returns everything that the files depend on, as flat JSON values: all except the labels."""
        own = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in ("request", "metadata")}
        return {**self.request.to_json(), **own}

    def stored(self) -> dict[str, Any]:
        """Returns everything as flat JSON values: what the files depend on, and the rest."""
        return {**self.drawn(), "metadata": dict(self.metadata)}

    def to_bytes(self) -> bytes:
        """Encodes the parameters as JSON with sorted keys. The format must not change: old jobs are stored in it."""
        return json.dumps(self.stored(), sort_keys=True, ensure_ascii=False).encode()


def resolve_request(asked: AskedDrawing, card: ModelCard, defaults: RequestT, draw_seed: Callable[[], int]) -> RequestT:
    """Sets what the caller left out.

    Args:
        asked: What the caller sent.
        card: The card of the model that is to draw it.
        defaults: The card's default request, with the values of its kind already set.
        draw_seed: Called when the caller sent no seed; any integer.

    Raises:
        InvalidArgumentError: The model cannot draw the size (names each side that is wrong) or with the scheduler.
    """
    request = replace(
        defaults,
        prompt=asked.prompt,
        negative_prompt=asked.negative_prompt,
        width_px=given(asked.width_px, defaults.width_px),
        height_px=given(asked.height_px, defaults.height_px),
        steps=given(asked.steps, defaults.steps),
        guidance_scale=float(given(asked.guidance_scale, defaults.guidance_scale)),
        seed=draw_seed() % SEED_RANGE if asked.seed is None else asked.seed,
        scheduler=given(asked.scheduler, defaults.scheduler),
    )
    _check_size(request, card)
    if card.schedulers and request.scheduler not in card.schedulers:
        text = f"the model {card.id} draws with {' or '.join(card.schedulers)} only"
        raise InvalidArgumentError.of_field("scheduler", text, reason="INVALID_SCHEDULER")
    return request


def given(value: T | None, default: T) -> T:
    """Returns the value that the caller sent, or the default."""
    return default if value is None else value


def _check_size(request: DrawingRequest, card: ModelCard) -> None:
    rule = f"must be a multiple of {card.size_multiple_px} up to {card.max_size_px} for the model {card.id}"
    sides = {"width_px": request.width_px, "height_px": request.height_px}
    wrong = [
        FieldViolation(name, rule)
        for name, side_px in sides.items()
        if side_px % card.size_multiple_px or side_px > card.max_size_px
    ]
    if wrong:
        text = "; ".join(f"{violation.field}: {violation.description}" for violation in wrong)
        raise InvalidArgumentError("INVALID_SIZE", text, fields=wrong)
