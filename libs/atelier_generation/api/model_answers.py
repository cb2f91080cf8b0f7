"""How a servicer answers for models. The catalogue is the same for everybody; administrators change what is loaded."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from atelier_generation.api.answers import Context
from atelier_generation.domain.model_view import ModelView
from atelier_generation.domain.models import Models
from atelier_service.http import set_http
from atelier_service.identity import current_principal
from atelier_service.paging import decode_token, encode_token, fitting, page_size

_MessageT = TypeVar("_MessageT", bound=Message)


class _PageRequest(Protocol):
    page_size: int
    page_token: str


async def models_page(
    models: Models, request: _PageRequest, written: Callable[[ModelView], _MessageT]
) -> tuple[list[_MessageT], str]:
    """The models after the last one named, each as `written`, and the next page's token."""
    found = list(await models.all())
    if request.page_token:
        last = str(decode_token(request.page_token, 1)[0])
        # The order of the catalogue: the default first, then by id.
        is_default = any(model.card.id == last and model.card.is_default for model in found)
        found = [model for model in found if not model.card.is_default and (is_default or model.card.id > last)]
    messages = fitting(map(written, found[: page_size(request.page_size)]))
    return messages, encode_token(found[len(messages) - 1].card.id) if len(found) > len(messages) else ""


async def commanded(models: Models, model_id: str, path: str, context: Context, *, load: bool) -> ModelView:
    """Asks the workers to load a model or to drop it: 202, with its path below the gateway."""
    model = await models.command(model_id, load=load, is_admin=current_principal().is_admin)
    await set_http(context, 202, location=f"{path}/{model.card.id}")
    return model
