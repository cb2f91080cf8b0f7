"""What the messages of all contracts have in common, as keyword arguments for each contract's own classes."""

import hashlib
from typing import Any, Protocol, cast, get_args

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from atelier.jobs.v1 import job_pb2
from atelier.type.v1 import type_pb2
from atelier_diffusion.policy.model_card import ModelDefaults
from atelier_diffusion.policy.prompt_tokens import PromptTokens, TokenCount
from atelier_diffusion.policy.request import SchedulerName
from atelier_generation.domain.model_view import ModelView
from atelier_generation.domain.parameters import DrawingParameters
from atelier_generation.domain.result import StoredFile
from atelier_jobs.domain.job import Job
from atelier_jobs.events.factory import failure_message
from atelier_service.telemetry import trace_id_of

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


def request_hash(parameters: Message) -> bytes:
    """SHA-256 of a request as it was sent: what left the seed open asks for the same when it is sent again."""
    return hashlib.sha256(parameters.SerializeToString(deterministic=True)).digest()


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


def job_fields(job: Job) -> dict[str, Any]:
    """What every job tells of itself, but for its parameters, its progress and its outputs."""
    return {
        "id": job.id,
        "state": job_pb2.State.ValueType(job.state),
        "revision": job.revision,
        "error": None if job.failure is None else failure_message(job.failure),
        "cached": job.cached,
        "attempt": job.attempt,
        "seq": job.seq,
        "trace_id": trace_id_of(job.traceparent),
        "create_time": _timestamp(job.create_us),
        "start_time": _timestamp(job.start_us),
        "finish_time": _timestamp(job.finish_us),
    }


def file_fields(file: StoredFile) -> dict[str, Any]:
    """What every output tells of its file."""
    return {
        "asset_id": file.asset_id,
        "content_type": file.content_type,
        "width_px": file.width_px,
        "height_px": file.height_px,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
    }


def tokens_fields(tokens: PromptTokens | None) -> dict[str, Any]:
    """How much of its prompts was read, once something is made."""
    if tokens is None:
        return {}
    return {
        "prompt_tokens": _token_count(tokens.prompt),
        "negative_prompt_tokens": _token_count(tokens.negative_prompt),
    }


def model_fields(model: ModelView) -> dict[str, Any]:
    """What every model tells of itself, but for its defaults."""
    failure = job_pb2.Failure(reason=model.reason, message=model.message) if model.reason else None
    return {
        "id": model.card.id,
        "display_name": model.card.display_name,
        "state": type_pb2.ModelState.ValueType(model.state),
        "revision": model.revision,
        "memory_bytes": model.memory_bytes,
        "error": failure,
        "size_multiple_px": model.card.size_multiple_px,
        "max_size_px": model.card.max_size_px,
        "is_default": model.card.is_default,
        "prompt_max_tokens": model.card.prompt_max_tokens,
    }


def _token_count(count: TokenCount | None) -> type_pb2.TokenCount | None:
    if count is None:
        return None
    return type_pb2.TokenCount(tokens=count.tokens, limit=count.limit, truncated=count.is_truncated)


def _timestamp(time_us: int) -> Timestamp | None:
    """Microseconds since the epoch; None for 0, which means not yet."""
    if not time_us:
        return None
    timestamp = Timestamp()
    timestamp.FromMicroseconds(time_us)
    return timestamp


def _scheduler_name(value: type_pb2.Scheduler.ValueType) -> SchedulerName | None:
    """A scheduler as the engine calls it; None when it was left out."""
    name = type_pb2.Scheduler.Name(value)
    return cast(SchedulerName, name) if name in get_args(SchedulerName) else None
