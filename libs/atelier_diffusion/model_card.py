"""What is known of a model before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from atelier_diffusion.errors import EngineError
from atelier_diffusion.request import ImageRequest, SchedulerName
from atelier_diffusion.source import ModelSource

PreviewMethod = Literal["decode", "pixel_shuffle"]
DtypeName = Literal["float32", "float16", "bfloat16"]


@dataclass(frozen=True, slots=True)
class ModelDefaults:
    """What is filled in when a request leaves it out. Sizes in pixels."""

    width_px: int = 512
    height_px: int = 512
    steps: int = 25
    guidance_scale: float = 7.5
    scheduler: SchedulerName = "DPMPP_2M"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One entry of the catalogue.

    `revision` names the weights: for a folder its card's revision or a fingerprint of its files; for a hub the
    revision asked for, empty until known. `folder` is the absolute folder of a `path` source, None for a hub's.
    `dtype` None means the device's own choice. `preview` says how a half-made latent becomes a small picture:
    `pixel_shuffle` where the latent is a rearranged small picture, else the decoder is run on a shrunk latent.
    """

    id: str
    display_name: str
    source: ModelSource
    revision: str
    folder: Path | None
    defaults: ModelDefaults
    size_multiple_px: int = 8
    max_size_px: int = 2048
    is_default: bool = False
    dtype: DtypeName | None = None
    variant: str = ""
    preview: PreviewMethod = "decode"

    def check_size(self, width_px: int, height_px: int) -> None:
        """Raises `EngineError` INVALID_SIZE for a size that this model cannot draw."""
        for name, size in (("width_px", width_px), ("height_px", height_px)):
            if size % self.size_multiple_px or not 0 < size <= self.max_size_px:
                rule = f"a multiple of {self.size_multiple_px} up to {self.max_size_px}"
                raise EngineError("INVALID_SIZE", f"{name} must be {rule} for model {self.id}")

    def check(self, request: ImageRequest) -> None:
        """Raises `EngineError` INVALID_SIZE when this model cannot draw the request's size."""
        self.check_size(request.width_px, request.height_px)
