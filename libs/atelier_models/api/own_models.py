"""Models of this process's own kind: a ModelSource over the catalogue and the workers' reports."""

from collections.abc import Sequence
from dataclasses import asdict

from atelier.models.v1 import model_service_pb2
from atelier.type.v1 import type_pb2
from atelier.video.v1 import video_pb2
from atelier_models.api.model_api import model_fields
from atelier_models.domain.model_view import ModelView
from atelier_models.domain.models import Models
from atelier_service.identity import current_principal


class OwnModels:
    """A ModelSource over the catalogue and the reports of this process."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def all(self) -> Sequence[model_service_pb2.Model]:
        """See ModelSource.all."""
        return [model_message(model) for model in await self._models.all()]

    async def get(self, model_id: str) -> model_service_pb2.Model:
        """See ModelSource.get."""
        return model_message(await self._models.get(model_id))

    async def command(self, model_id: str, *, load: bool) -> model_service_pb2.Model:
        """See ModelSource.command."""
        is_admin = current_principal().is_admin
        return model_message(await self._models.command(model_id, load=load, is_admin=is_admin))


def model_message(model: ModelView) -> model_service_pb2.Model:
    """Makes the message of a model of any kind."""
    card = model.card
    defaults = model_service_pb2.ModelDefaults(
        model=card.id,
        width_px=card.defaults.width_px,
        height_px=card.defaults.height_px,
        steps=card.defaults.steps,
        guidance_scale=card.defaults.guidance_scale,
        scheduler=type_pb2.Scheduler.Value(card.defaults.scheduler),
    )
    message = model_service_pb2.Model(**model_fields(model), kind=card.kind)
    if card.kind == "video":
        defaults.frames = card.defaults.frames
        defaults.frame_rate_hz = card.defaults.frame_rate_hz
        defaults.container = video_pb2.MP4
        message.max_frames = card.max_frames
        message.takes_first_frame = card.takes_first_frame
    else:
        defaults.count = 1
        defaults.output_format = type_pb2.PNG
        if card.latents is not None:
            message.latents.CopyFrom(type_pb2.LatentFormat(**asdict(card.latents)))
    message.defaults.CopyFrom(defaults)
    return message
