"""Parameters of an image: as a caller sent them, and with every value set."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from atelier_diffusion.policy.model_card import ModelCard
from atelier_diffusion.policy.request import ImageRequest
from atelier_drawing.domain.parameters import AskedDrawing, DrawingParameters, given, resolve_request

FormatName = Literal["PNG", "WEBP", "JPEG"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedImage(AskedDrawing):
    """Parameters as a caller sent them. None: the caller left it out."""

    count: int | None = None
    output_format: FormatName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageParameters(DrawingParameters[ImageRequest]):
    """The spec of an image."""

    output_format: FormatName

    @classmethod
    def from_bytes(cls, data: bytes) -> "ImageParameters":
        """Reads what `to_bytes` returned."""
        values = json.loads(data)
        return cls(
            model=values["model"],
            request=ImageRequest.from_json(values),
            output_format=values["output_format"],
            metadata=values["metadata"],
        )


def resolve(asked: AskedImage, card: ModelCard, draw_seed: Callable[[], int]) -> ImageParameters:
    """Sets what the caller left out; see `resolve_request`."""
    defaults = replace(card.defaults.image_request(), count=given(asked.count, 1))
    return ImageParameters(
        model=card.id,
        request=resolve_request(asked, card, defaults, draw_seed),
        output_format=given(asked.output_format, "PNG"),
        metadata=dict(asked.metadata),
    )
