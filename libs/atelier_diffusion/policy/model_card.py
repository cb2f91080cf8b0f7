"""What is known of a model before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.model_source import ModelSource
from atelier_diffusion.policy.request import DrawingRequest, SchedulerName, VideoRequest

ModelKind = Literal["image", "video"]
PreviewMethod = Literal["decode", "pixel_shuffle"]
DtypeName = Literal["float32", "float16", "bfloat16"]
DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True, slots=True)
class ModelDefaults:
    """What is filled in when a request leaves it out. Sizes in pixels; the last two are for videos only."""

    width_px: int = 512
    height_px: int = 512
    steps: int = 25
    guidance_scale: float = 7.5
    scheduler: SchedulerName = "DPMPP_2M"
    frames: int = 16
    frame_rate_hz: float = 8.0


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One entry of the catalogue.

    `revision` names weights that never change: the commit of a hub that the source names. Empty otherwise: then they
    are named when they are loaded. `folder` is the absolute folder of a `path` source, None for a hub's.
    `is_default` is that among the models of its kind. `dtype` None means the device's own choice. `preview` says how a
    half-made latent becomes a small picture: `pixel_shuffle` where the latent is a rearranged small picture, else the
    decoder is run on a shrunk latent. `max_frames` and `takes_first_frame` are for videos only. `schedulers` are
    those that the model can be drawn with, empty while that is not known; `prompt_max_tokens` is how much of a prompt
    it reads (see `prompt_tokens`), 0 while that is not known.
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
    kind: ModelKind = "image"
    max_frames: int = 64
    takes_first_frame: bool = False
    schedulers: tuple[SchedulerName, ...] = ()
    prompt_max_tokens: int = 0

    def check_size(self, width_px: int, height_px: int) -> None:
        """Raises `EngineError` INVALID_SIZE for a size that this model cannot draw."""
        for name, size in (("width_px", width_px), ("height_px", height_px)):
            if size % self.size_multiple_px or not 0 < size <= self.max_size_px:
                rule = f"a multiple of {self.size_multiple_px} up to {self.max_size_px}"
                raise EngineError("INVALID_SIZE", f"{name} must be {rule} for model {self.id}")

    def check_frames(self, frames: int) -> None:
        """Raises `EngineError` INVALID_FRAMES for a clip that is longer than this model can draw."""
        if not 0 < frames <= self.max_frames:
            raise EngineError("INVALID_FRAMES", f"frames must be from 1 to {self.max_frames} for model {self.id}")

    def check(self, request: DrawingRequest) -> None:
        """Raises `EngineError` INVALID_SIZE, INVALID_FRAMES or INVALID_REQUEST when this model cannot draw it."""
        self.check_size(request.width_px, request.height_px)
        if isinstance(request, VideoRequest):
            self.check_frames(request.frames)
            if request.first_frame is not None and not self.takes_first_frame:
                raise EngineError("INVALID_REQUEST", f"model {self.id} takes no first frame")
