"""`atelier.models.v1.ModelService`: the servicer of the models of every kind."""

from atelier.models.v1 import model_service_pb2, model_service_pb2_grpc
from atelier_models.api.model_directory import Context, ModelDirectory
from atelier_service.http import set_http


class ModelServicer(model_service_pb2_grpc.ModelServiceServicer):
    """The catalogue is the same for all callers; administrators change what is loaded."""

    def __init__(self, directory: ModelDirectory) -> None:
        self._directory = directory

    async def ListModels(
        self, request: model_service_pb2.ListModelsRequest, context: Context
    ) -> model_service_pb2.ListModelsResponse:
        """See ModelDirectory.page."""
        return await self._directory.page(request, context)

    async def GetModel(self, request: model_service_pb2.GetModelRequest, context: Context) -> model_service_pb2.Model:
        """See ModelDirectory.get."""
        return await self._directory.get(request.id, context)

    async def LoadModel(self, request: model_service_pb2.LoadModelRequest, context: Context) -> model_service_pb2.Model:
        """Commands the workers to load a model."""
        return await self._commanded(request.id, context, load=True)

    async def UnloadModel(
        self, request: model_service_pb2.UnloadModelRequest, context: Context
    ) -> model_service_pb2.Model:
        """Commands the workers to unload a model."""
        return await self._commanded(request.id, context, load=False)

    async def _commanded(self, model_id: str, context: Context, *, load: bool) -> model_service_pb2.Model:
        model = await self._directory.command(model_id, context, load=load)
        await set_http(context, 202, location=f"/api/v1/models/{model.id}")
        return model
