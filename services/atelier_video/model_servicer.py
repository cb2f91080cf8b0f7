"""`atelier.video.v1.VideoModelService`: reads a request, asks the domain, writes the answer."""

from atelier.jobs.v1 import job_pb2
from atelier.type.v1 import type_pb2
from atelier.video.v1 import video_pb2, video_pb2_grpc
from atelier_generation.api.answers import Context
from atelier_generation.api.model_answers import commanded, models_page
from atelier_generation.domain.model_view import ModelView
from atelier_generation.domain.models import Models
from atelier_video.video_messages import defaults_message

_PATH = "/api/v1/video-models"


class VideoModelServicer(video_pb2_grpc.VideoModelServiceServicer):
    """See `model_answers`."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def ListVideoModels(
        self, request: video_pb2.ListVideoModelsRequest, context: Context
    ) -> video_pb2.ListVideoModelsResponse:
        """The catalogue."""
        models, next_page_token = await models_page(self._models, request)
        return video_pb2.ListVideoModelsResponse(models=map(_message, models), next_page_token=next_page_token)

    async def GetVideoModel(self, request: video_pb2.GetVideoModelRequest, context: Context) -> video_pb2.VideoModel:
        """One model."""
        return _message(await self._models.get(request.id))

    async def LoadVideoModel(self, request: video_pb2.LoadVideoModelRequest, context: Context) -> video_pb2.VideoModel:
        """Asks the workers to load it."""
        return _message(await commanded(self._models, request.id, _PATH, context, load=True))

    async def UnloadVideoModel(
        self, request: video_pb2.UnloadVideoModelRequest, context: Context
    ) -> video_pb2.VideoModel:
        """Asks the workers to drop it."""
        return _message(await commanded(self._models, request.id, _PATH, context, load=False))


def _message(model: ModelView) -> video_pb2.VideoModel:
    card = model.card
    message = video_pb2.VideoModel(
        id=card.id,
        display_name=card.display_name,
        state=type_pb2.ModelState.ValueType(model.state),
        revision=model.revision,
        memory_bytes=model.memory_bytes,
        defaults=defaults_message(card.id, card.defaults),
        size_multiple_px=card.size_multiple_px,
        max_size_px=card.max_size_px,
        is_default=card.is_default,
        max_frames=card.max_frames,
        takes_first_frame=card.takes_first_frame,
    )
    if model.reason:
        message.error.CopyFrom(job_pb2.Failure(reason=model.reason, message=model.message))
    return message
