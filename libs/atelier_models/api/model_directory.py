"""The directory of models: models of every kind in one catalogue, each kind from the service that it is for."""

from collections.abc import Sequence
from typing import Any, Protocol

import grpc.aio

from atelier.models.v1 import model_service_pb2
from atelier_service.errors import InvalidArgumentError
from atelier_service.federation import Federation
from atelier_service.paging import decode_token, encode_token, fitting, page_size

Context = grpc.aio.ServicerContext[Any, Any]


class ModelSource(Protocol):
    """The models of one kind. Methods raise NotFoundError for an unknown model, and UnavailableError."""

    async def all(self) -> Sequence[model_service_pb2.Model]:
        """Returns every model, the default first, then by id."""
        ...

    async def get(self, model_id: str) -> model_service_pb2.Model:
        """Returns one model."""
        ...

    async def command(self, model_id: str, *, load: bool) -> model_service_pb2.Model:
        """Commands the workers to load a model or to unload it.

        Raises:
            PermissionDeniedError: The caller is no administrator.
        """
        ...


class ModelDirectory:
    """The models of all kinds. A call that a peer forwarded returns those of the own kind only."""

    def __init__(self, kinds: Federation[ModelSource]) -> None:
        """`kinds` names each source after the kind of its models."""
        self._kinds = kinds

    async def page(
        self, request: model_service_pb2.ListModelsRequest, context: Context
    ) -> model_service_pb2.ListModelsResponse:
        """Returns a page of the catalogue.

        Raises:
            InvalidArgumentError: An unknown kind, or a malformed token.
            UnavailableError: None of the kinds can be reached.
        """
        kinds = self._kinds.serving(context)
        if request.kind and request.kind not in kinds.names:
            text = f"is none of {', '.join(sorted(kinds.names))}"
            raise InvalidArgumentError.of_field("kind", text, reason="UNKNOWN_KIND")
        gathered = await kinds.gather(lambda source: source.all(), {request.kind} if request.kind else None)
        found = sorted((model for models in gathered.parts.values() for model in models), key=_place)
        if request.page_token:
            last = tuple(decode_token(request.page_token, 3))
            found = [model for model in found if tuple(map(str, _place(model))) > tuple(map(str, last))]
        models = fitting(found[: page_size(request.page_size)])
        return model_service_pb2.ListModelsResponse(
            models=models,
            next_page_token=encode_token(*_place(models[-1])) if len(models) < len(found) else "",
            unreachable=gathered.unreachable,
        )

    async def get(self, model_id: str, context: Context) -> model_service_pb2.Model:
        """Returns one model. Raises like Federation.find."""
        return await self._kinds.serving(context).find(lambda source: source.get(model_id))

    async def command(self, model_id: str, context: Context, *, load: bool) -> model_service_pb2.Model:
        """Commands the workers to load a model or to unload it. Raises like Federation.find and ModelSource.command."""

        async def having(source: ModelSource) -> ModelSource:
            await source.get(model_id)
            return source

        source = await self._kinds.serving(context).find(having)
        return await source.command(model_id, load=load)


def _place(model: model_service_pb2.Model) -> tuple[str, int, str]:
    """Returns the key by which models are sorted."""
    return (model.kind, int(not model.is_default), model.id)
