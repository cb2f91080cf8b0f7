"""`atelier.video.v1.VideoModelService`: reads a request, asks the domain, writes the answer."""

from atelier.video.v1 import video_pb2, video_pb2_grpc
from atelier_models.api.model_api import Context, commanded, models_page
from atelier_models.domain.models import Models
from atelier_video.api.video_messages import model_message

_PATH = "/api/v1/video-models"


class VideoModelServicer(video_pb2_grpc.VideoModelServiceServicer):
    """See `model_answers`."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def ListVideoModels(
        self, request: video_pb2.ListVideoModelsRequest, context: Context
    ) -> video_pb2.ListVideoModelsResponse:
        """The catalogue."""
        models, next_page_token = await models_page(self._models, request, model_message)
        return video_pb2.ListVideoModelsResponse(models=models, next_page_token=next_page_token)

    async def GetVideoModel(self, request: video_pb2.GetVideoModelRequest, context: Context) -> video_pb2.VideoModel:
        """One model."""
        return model_message(await self._models.get(request.id))

    async def LoadVideoModel(self, request: video_pb2.LoadVideoModelRequest, context: Context) -> video_pb2.VideoModel:
        """Asks the workers to load it."""
        return model_message(await commanded(self._models, request.id, _PATH, context, load=True))

    async def UnloadVideoModel(
        self, request: video_pb2.UnloadVideoModelRequest, context: Context
    ) -> video_pb2.VideoModel:
        """Asks the workers to drop it."""
        return model_message(await commanded(self._models, request.id, _PATH, context, load=False))
