"""What to draw: as the caller asked for it, and with everything filled in."""

from collections.abc import Callable
from dataclasses import dataclass

from atelier_diffusion.policy.model_card import ModelCard
from atelier_diffusion.policy.request import VideoRequest
from atelier_drawing.domain.parameters import AskedDrawing, DrawingParameters, given, resolved_drawing
from atelier_media.clip_format import MAX_GIF_FRAME_RATE_HZ, Container
from atelier_media.frame import Frame
from atelier_service.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedVideo(AskedDrawing):
    """A request as it was sent."""

    frames: int | None = None
    frame_rate_hz: float | None = None
    first_frame_asset_id: str = ""
    container: Container | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoParameters(DrawingParameters):
    """A request with nothing left open.

    The model draws `frames` at `drawn_rate_hz`, its own rate; the clip shows them at `frame_rate_hz`, at the same
    speed. `first_frame_asset_id` is empty when there is none.
    """

    frames: int
    frame_rate_hz: float
    drawn_rate_hz: float
    first_frame_asset_id: str
    container: Container

    @property
    def cost(self) -> float:
        """As for a picture, for each frame."""
        return super().cost * self.frames

    def request(self, first_frame: Frame | None) -> VideoRequest:
        """The same for the engine."""
        return VideoRequest(**self.request_fields(), frames=self.frames, first_frame=first_frame)


def resolve(asked: AskedVideo, card: ModelCard, draw_seed: Callable[[], int]) -> VideoParameters:
    """See `resolved_drawing`. Raises InvalidArgumentError also for what the model or the container cannot do."""
    parameters = VideoParameters(
        **resolved_drawing(asked, card, draw_seed),
        frames=given(asked.frames, card.defaults.frames),
        frame_rate_hz=float(card.defaults.frame_rate_hz if asked.frame_rate_hz is None else asked.frame_rate_hz),
        drawn_rate_hz=float(card.defaults.frame_rate_hz),
        first_frame_asset_id=asked.first_frame_asset_id,
        container=asked.container or "MP4",
    )
    if parameters.frames > card.max_frames:
        text = f"must be from 1 to {card.max_frames} for the model {card.id}"
        raise InvalidArgumentError.of_field("frames", text, reason="INVALID_FRAMES")
    if parameters.container == "GIF" and parameters.frame_rate_hz > MAX_GIF_FRAME_RATE_HZ:
        text = f"a GIF shows at most {MAX_GIF_FRAME_RATE_HZ} frames a second"
        raise InvalidArgumentError.of_field("frame_rate_hz", text, reason="INVALID_FRAME_RATE")
    if parameters.first_frame_asset_id and not card.takes_first_frame:
        text = f"the model {card.id} takes no first frame"
        raise InvalidArgumentError.of_field("first_frame_asset_id", text, reason="FIRST_FRAME_NOT_TAKEN")
    return parameters
