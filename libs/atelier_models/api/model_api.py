"""Requests about models. The catalogue is the same for all callers; administrators change what is loaded."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import grpc.aio
from google.protobuf.message import Message

from atelier.jobs.v1 import job_pb2
from atelier.type.v1 import type_pb2
from atelier_models.domain.model_view import ModelView
from atelier_models.domain.models import Models
from atelier_service.http import set_http
from atelier_service.identity import current_principal
from atelier_service.paging import decode_token, encode_token, fitting, page_size

Context = grpc.aio.ServicerContext[Any, Any]

_MessageT = TypeVar("_MessageT", bound=Message)


class _PageRequest(Protocol):
    page_size: int
    page_token: str


async def models_page(
    models: Models, request: _PageRequest, written: Callable[[ModelView], _MessageT]
) -> tuple[list[_MessageT], str]:
    """Returns a page of the models and the token of the next page.

    Args:
        models: The models.
        request: Size and token.
        written: Returns the message of a model.
    """
    found = list(await models.all())
    if request.page_token:
        last = str(decode_token(request.page_token, 1)[0])
        # The order of the catalogue: the default first, then by id.
        is_default = any(model.card.id == last and model.card.is_default for model in found)
        found = [model for model in found if not model.card.is_default and (is_default or model.card.id > last)]
    messages = fitting(map(written, found[: page_size(request.page_size)]))
    return messages, encode_token(found[len(messages) - 1].card.id) if len(found) > len(messages) else ""


async def commanded(models: Models, model_id: str, path: str, context: Context, *, load: bool) -> ModelView:
    """Commands the workers to load a model or to unload it, and sets HTTP 202 with its path below the gateway.

    Raises:
        AtelierError: What Models.command raises.
    """
    model = await models.command(model_id, load=load, is_admin=current_principal().is_admin)
    await set_http(context, 202, location=f"{path}/{model.card.id}")
    return model


def model_fields(model: ModelView) -> dict[str, Any]:
    """Returns the fields that every model has, except its defaults, as keyword arguments of each contract's message."""
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
