"""What to draw: as the caller asked for it, and with everything filled in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from atelier_diffusion.policy.model_card import ModelCard
from atelier_diffusion.policy.request import ImageRequest
from atelier_drawing.domain.parameters import AskedDrawing, DrawingParameters, given, resolved_drawing

FormatName = Literal["PNG", "WEBP", "JPEG"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedImage(AskedDrawing):
    """A request as it was sent."""

    count: int | None = None
    output_format: FormatName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageParameters(DrawingParameters):
    """A request with nothing left open."""

    count: int
    output_format: FormatName

    def request(self) -> ImageRequest:
        """The same for the engine."""
        return ImageRequest(**self.request_fields(), count=self.count)


def resolve(asked: AskedImage, card: ModelCard, draw_seed: Callable[[], int]) -> ImageParameters:
    """See `resolved_drawing`."""
    return ImageParameters(
        **resolved_drawing(asked, card, draw_seed),
        count=given(asked.count, 1),
        output_format=asked.output_format or "PNG",
    )
