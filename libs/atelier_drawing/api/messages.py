"""Drawing parameters in messages: fields that the contracts of images and of videos have in common."""

from collections.abc import MutableMapping
from dataclasses import replace
from typing import Literal, Protocol, TypeVar, cast, get_args

from atelier.type.v1 import type_pb2
from atelier_diffusion.policy.model_card import ModelDefaults
from atelier_diffusion.policy.prompt_tokens import TokenCount
from atelier_diffusion.policy.request import DrawingRequest, SchedulerName
from atelier_drawing.domain.parameters import AskedDrawing, DrawingParameters

AskedT = TypeVar("AskedT", bound=AskedDrawing)

_OptionalField = Literal["width_px", "height_px", "steps", "guidance_scale", "seed"]


class ParametersMessage(Protocol):
    """The fields that the parameters of every contract have."""

    prompt: str
    negative_prompt: str
    model: str
    width_px: int
    height_px: int
    steps: int
    guidance_scale: float
    seed: int
    scheduler: type_pb2.Scheduler.ValueType

    @property
    def metadata(self) -> MutableMapping[str, str]: ...

    def HasField(self, field_name: _OptionalField) -> bool: ...


def read_parameters(message: ParametersMessage, asked: AskedT) -> AskedT:
    """Returns `asked` with the fields that the caller has set, which may be zero; None for those left out."""
    return replace(
        asked,
        prompt=message.prompt,
        negative_prompt=message.negative_prompt,
        model=message.model,
        width_px=message.width_px if message.HasField("width_px") else None,
        height_px=message.height_px if message.HasField("height_px") else None,
        steps=message.steps if message.HasField("steps") else None,
        guidance_scale=message.guidance_scale if message.HasField("guidance_scale") else None,
        seed=message.seed if message.HasField("seed") else None,
        scheduler=_scheduler_name(message.scheduler),
        metadata=dict(message.metadata),
    )


def write_parameters(message: ParametersMessage, parameters: DrawingParameters[DrawingRequest]) -> None:
    """Sets the fields that `read_parameters` reads: sent again, the message requests the same drawing."""
    write_defaults(message, parameters.model, parameters.request)
    message.prompt = parameters.request.prompt
    message.negative_prompt = parameters.request.negative_prompt
    message.seed = parameters.request.seed
    message.metadata.update(parameters.metadata)


def write_defaults(message: ParametersMessage, model_id: str, defaults: ModelDefaults | DrawingRequest) -> None:
    """Sets the model and the fields that a model has defaults for."""
    message.model = model_id
    message.width_px = defaults.width_px
    message.height_px = defaults.height_px
    message.steps = defaults.steps
    message.guidance_scale = defaults.guidance_scale
    message.scheduler = type_pb2.Scheduler.Value(defaults.scheduler)


def token_count(count: TokenCount | None) -> type_pb2.TokenCount | None:
    """Makes the message of a prompt's token count; None while that is unknown."""
    if count is None:
        return None
    return type_pb2.TokenCount(tokens=count.tokens, limit=count.limit, truncated=count.is_truncated)


def _scheduler_name(value: type_pb2.Scheduler.ValueType) -> SchedulerName | None:
    """The engine's name of a scheduler; None when the caller left it out."""
    name = type_pb2.Scheduler.Name(value)
    return cast(SchedulerName, name) if name in get_args(SchedulerName) else None
