"""Fields of drawings in messages, as keyword arguments for each contract's own classes."""

from typing import Any, Protocol, cast, get_args

from atelier.type.v1 import type_pb2
from atelier_diffusion.policy.model_card import ModelDefaults
from atelier_diffusion.policy.prompt_tokens import PromptTokens, TokenCount
from atelier_diffusion.policy.request import SchedulerName
from atelier_drawing.domain.parameters import DrawingParameters

_OPTIONAL = ("width_px", "height_px", "steps", "guidance_scale", "seed")


class _Parameters(Protocol):
    """The fields that every contract's parameters have."""

    prompt: str
    negative_prompt: str
    model: str
    scheduler: type_pb2.Scheduler.ValueType

    @property
    def metadata(self) -> Any: ...

    def HasField(self, field_name: Any) -> bool: ...


def asked_fields(message: _Parameters) -> dict[str, Any]:
    """The fields of AskedDrawing; None for what was left out."""
    return {
        "prompt": message.prompt,
        "negative_prompt": message.negative_prompt,
        "model": message.model,
        **{name: optional(message, name) for name in _OPTIONAL},
        "scheduler": _scheduler_name(message.scheduler),
        "metadata": dict(message.metadata),
    }


def optional(message: _Parameters, name: str) -> Any:
    """The value of a field, which may be zero; None when it was left out."""
    return getattr(message, name) if message.HasField(name) else None


def parameters_fields(parameters: DrawingParameters) -> dict[str, Any]:
    """What `asked_fields` reads; sent again, it asks for the same."""
    return {
        "prompt": parameters.prompt,
        "negative_prompt": parameters.negative_prompt,
        "model": parameters.model,
        **{name: getattr(parameters, name) for name in _OPTIONAL},
        "scheduler": type_pb2.Scheduler.Value(parameters.scheduler),
        "metadata": parameters.metadata,
    }


def defaults_fields(model_id: str, defaults: ModelDefaults) -> dict[str, Any]:
    """What a model fills in of it."""
    return {
        "model": model_id,
        "width_px": defaults.width_px,
        "height_px": defaults.height_px,
        "steps": defaults.steps,
        "guidance_scale": defaults.guidance_scale,
        "scheduler": type_pb2.Scheduler.Value(defaults.scheduler),
    }


def tokens_fields(tokens: PromptTokens | None) -> dict[str, Any]:
    """How much of its prompts was read, once something is made."""
    if tokens is None:
        return {}
    return {
        "prompt_tokens": _token_count(tokens.prompt),
        "negative_prompt_tokens": _token_count(tokens.negative_prompt),
    }


def _token_count(count: TokenCount | None) -> type_pb2.TokenCount | None:
    if count is None:
        return None
    return type_pb2.TokenCount(tokens=count.tokens, limit=count.limit, truncated=count.is_truncated)


def _scheduler_name(value: type_pb2.Scheduler.ValueType) -> SchedulerName | None:
    """A scheduler as the engine calls it; None when it was left out."""
    name = type_pb2.Scheduler.Name(value)
    return cast(SchedulerName, name) if name in get_args(SchedulerName) else None
