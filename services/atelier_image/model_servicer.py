"""`atelier.image.v1.ModelService`: reads a request, asks the domain, writes the answer."""

from typing import Any

import grpc.aio

from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier.jobs.v1 import job_pb2
from atelier.type.v1 import type_pb2
from atelier_image.domain.model_view import ModelView
from atelier_image.domain.models import Models
from atelier_image.image_messages import defaults_message
from atelier_service.http import set_http
from atelier_service.identity import current_principal
from atelier_service.paging import decode_token, encode_token, page_size

_Context = grpc.aio.ServicerContext[Any, Any]


class ModelServicer(image_pb2_grpc.ModelServiceServicer):
    """The catalogue is the same for everybody; only administrators change what is in memory."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def ListModels(self, request: image_pb2.ListModelsRequest, context: _Context) -> image_pb2.ListModelsResponse:
        """Pages after the last model named."""
        models = list(await self._models.all())
        if request.page_token:
            last = str(decode_token(request.page_token, 1)[0])
            # The order of the catalogue: the default first, then by id.
            is_default = any(model.card.id == last and model.card.is_default for model in models)
            models = [model for model in models if not model.card.is_default and (is_default or model.card.id > last)]
        size = page_size(request.page_size)
        answer = image_pb2.ListModelsResponse(models=map(_message, models[:size]))
        if len(models) > size:
            answer.next_page_token = encode_token(models[size - 1].card.id)
        return answer

    async def GetModel(self, request: image_pb2.GetModelRequest, context: _Context) -> image_pb2.Model:
        """One model."""
        return _message(await self._models.get(request.id))

    async def LoadModel(self, request: image_pb2.LoadModelRequest, context: _Context) -> image_pb2.Model:
        """Asks the workers to load it."""
        return await self._command(request.id, context, load=True)

    async def UnloadModel(self, request: image_pb2.UnloadModelRequest, context: _Context) -> image_pb2.Model:
        """Asks the workers to drop it."""
        return await self._command(request.id, context, load=False)

    async def _command(self, model_id: str, context: _Context, *, load: bool) -> image_pb2.Model:
        model = await self._models.command(model_id, load=load, is_admin=current_principal().is_admin)
        await set_http(context, 202, location=f"/api/v1/models/{model.card.id}")
        return _message(model)


def _message(model: ModelView) -> image_pb2.Model:
    message = image_pb2.Model(
        id=model.card.id,
        display_name=model.card.display_name,
        state=type_pb2.ModelState.ValueType(model.state),
        revision=model.revision,
        memory_bytes=model.memory_bytes,
        defaults=defaults_message(model.card.id, model.card.defaults),
        size_multiple_px=model.card.size_multiple_px,
        max_size_px=model.card.max_size_px,
        is_default=model.card.is_default,
    )
    if model.reason:
        message.error.CopyFrom(job_pb2.Failure(reason=model.reason, message=model.message))
    return message
