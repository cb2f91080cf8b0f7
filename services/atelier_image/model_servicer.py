"""`atelier.image.v1.ModelService`: reads a request, asks the domain, writes the answer."""

from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier_image.image_messages import model_message
from atelier_models.api.model_api import Context, commanded, models_page
from atelier_models.domain.models import Models

_PATH = "/api/v1/models"


class ModelServicer(image_pb2_grpc.ModelServiceServicer):
    """See `model_answers`."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def ListModels(self, request: image_pb2.ListModelsRequest, context: Context) -> image_pb2.ListModelsResponse:
        """The catalogue."""
        models, next_page_token = await models_page(self._models, request, model_message)
        return image_pb2.ListModelsResponse(models=models, next_page_token=next_page_token)

    async def GetModel(self, request: image_pb2.GetModelRequest, context: Context) -> image_pb2.Model:
        """One model."""
        return model_message(await self._models.get(request.id))

    async def LoadModel(self, request: image_pb2.LoadModelRequest, context: Context) -> image_pb2.Model:
        """Asks the workers to load it."""
        return model_message(await commanded(self._models, request.id, _PATH, context, load=True))

    async def UnloadModel(self, request: image_pb2.UnloadModelRequest, context: Context) -> image_pb2.Model:
        """Asks the workers to drop it."""
        return model_message(await commanded(self._models, request.id, _PATH, context, load=False))
