"""Parameters of a video: as a caller sent them, and with every value set."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from atelier_diffusion.policy.model_card import ModelCard
from atelier_diffusion.policy.request import VideoRequest
from atelier_drawing.domain.parameters import AskedDrawing, DrawingParameters, given, resolve_request
from atelier_media.clip_format import MAX_GIF_FRAME_RATE_HZ, Container
from atelier_service.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedVideo(AskedDrawing):
    """Parameters as a caller sent them. None: the caller left it out."""

    frames: int | None = None
    frame_rate_hz: float | None = None
    first_frame_asset_id: str = ""
    container: Container | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoParameters(DrawingParameters[VideoRequest]):
    """The spec of a video. Its request has no first frame: the worker sets it.

    Attributes:
        frame_rate_hz: The rate that the clip is shown at; motion keeps its speed.
        drawn_rate_hz: The model's own rate, at which the frames are drawn.
        first_frame_asset_id: The picture that the clip begins with; empty for none.
    """

    frame_rate_hz: float
    drawn_rate_hz: float
    first_frame_asset_id: str
    container: Container

    @classmethod
    def from_bytes(cls, data: bytes) -> "VideoParameters":
        """Reads what `to_bytes` returned."""
        values = json.loads(data)
        return cls(
            model=values["model"],
            request=VideoRequest.from_json(values),
            frame_rate_hz=values["frame_rate_hz"],
            drawn_rate_hz=values["drawn_rate_hz"],
            first_frame_asset_id=values["first_frame_asset_id"],
            container=values["container"],
            metadata=values["metadata"],
        )


def resolve(asked: AskedVideo, card: ModelCard, draw_seed: Callable[[], int]) -> VideoParameters:
    """Sets what the caller left out; see `resolve_request`.

    Raises:
        InvalidArgumentError: Also for what the model or the container cannot do.
    """
    defaults = replace(card.defaults.video_request(), frames=given(asked.frames, card.defaults.frames))
    parameters = VideoParameters(
        model=card.id,
        request=resolve_request(asked, card, defaults, draw_seed),
        frame_rate_hz=float(given(asked.frame_rate_hz, card.defaults.frame_rate_hz)),
        drawn_rate_hz=float(card.defaults.frame_rate_hz),
        first_frame_asset_id=asked.first_frame_asset_id,
        container=given(asked.container, "MP4"),
        metadata=dict(asked.metadata),
    )
    if parameters.request.frames > card.max_frames:
        text = f"must be from 1 to {card.max_frames} for the model {card.id}"
        raise InvalidArgumentError.of_field("frames", text, reason="INVALID_FRAMES")
    if parameters.container == "GIF" and parameters.frame_rate_hz > MAX_GIF_FRAME_RATE_HZ:
        text = f"a GIF shows at most {MAX_GIF_FRAME_RATE_HZ} frames a second"
        raise InvalidArgumentError.of_field("frame_rate_hz", text, reason="INVALID_FRAME_RATE")
    if parameters.first_frame_asset_id and not card.takes_first_frame:
        text = f"the model {card.id} takes no first frame"
        raise InvalidArgumentError.of_field("first_frame_asset_id", text, reason="FIRST_FRAME_NOT_TAKEN")
    return parameters
