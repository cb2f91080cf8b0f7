"""`atelier.video.v1.VideoModelService`: the servicer of the models that draw videos."""

from atelier.video.v1 import video_pb2, video_pb2_grpc
from atelier_models.api.model_api import Context, commanded, models_page
from atelier_models.domain.models import Models
from atelier_video.api.video_messages import model_message

_PATH = "/api/v1/video-models"


class VideoModelServicer(video_pb2_grpc.VideoModelServiceServicer):
    """The catalogue is the same for all callers; administrators change what is loaded."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def ListVideoModels(
        self, request: video_pb2.ListVideoModelsRequest, context: Context
    ) -> video_pb2.ListVideoModelsResponse:
        """See `models_page`."""
        models, next_page_token = await models_page(self._models, request, model_message)
        return video_pb2.ListVideoModelsResponse(models=models, next_page_token=next_page_token)

    async def GetVideoModel(self, request: video_pb2.GetVideoModelRequest, context: Context) -> video_pb2.VideoModel:
        """Returns one model."""
        return model_message(await self._models.get(request.id))

    async def LoadVideoModel(self, request: video_pb2.LoadVideoModelRequest, context: Context) -> video_pb2.VideoModel:
        """Commands the workers to load a model."""
        return model_message(await commanded(self._models, request.id, _PATH, context, load=True))

    async def UnloadVideoModel(
        self, request: video_pb2.UnloadVideoModelRequest, context: Context
    ) -> video_pb2.VideoModel:
        """Commands the workers to unload a model."""
        return model_message(await commanded(self._models, request.id, _PATH, context, load=False))
