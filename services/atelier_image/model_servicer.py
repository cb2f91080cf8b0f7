"""`atelier.image.v1.ModelService`: reads a request, asks the domain, writes the answer."""

from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier.jobs.v1 import job_pb2
from atelier.type.v1 import type_pb2
from atelier_generation.api.answers import Context
from atelier_generation.api.model_answers import commanded, models_page
from atelier_generation.domain.model_view import ModelView
from atelier_generation.domain.models import Models
from atelier_image.image_messages import defaults_message

_PATH = "/api/v1/models"


class ModelServicer(image_pb2_grpc.ModelServiceServicer):
    """See `model_answers`."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def ListModels(self, request: image_pb2.ListModelsRequest, context: Context) -> image_pb2.ListModelsResponse:
        """The catalogue."""
        models, next_page_token = await models_page(self._models, request)
        return image_pb2.ListModelsResponse(models=map(_message, models), next_page_token=next_page_token)

    async def GetModel(self, request: image_pb2.GetModelRequest, context: Context) -> image_pb2.Model:
        """One model."""
        return _message(await self._models.get(request.id))

    async def LoadModel(self, request: image_pb2.LoadModelRequest, context: Context) -> image_pb2.Model:
        """Asks the workers to load it."""
        return _message(await commanded(self._models, request.id, _PATH, context, load=True))

    async def UnloadModel(self, request: image_pb2.UnloadModelRequest, context: Context) -> image_pb2.Model:
        """Asks the workers to drop it."""
        return _message(await commanded(self._models, request.id, _PATH, context, load=False))


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
