"""Model cards: what is known of a model before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.latent_format import LatentFormat
from atelier_diffusion.policy.model_source import ModelSource
from atelier_diffusion.policy.request import DrawingRequest, ImageRequest, SchedulerName, VideoRequest

ModelKind = Literal["image", "video"]
PreviewMethod = Literal["decode", "pixel_shuffle"]
DtypeName = Literal["float32", "float16", "bfloat16"]
DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True, slots=True)
class ModelDefaults:
    """The parameters that a request gets where it sets none. The last two are for videos only."""

    width_px: int = 512
    height_px: int = 512
    steps: int = 25
    guidance_scale: float = 7.5
    scheduler: SchedulerName = "DPMPP_2M"
    frames: int = 16
    frame_rate_hz: float = 8.0

    def image_request(self) -> ImageRequest:
        """A request for one picture of an empty prompt with seed 0: what a caller sets replaces its values."""
        return ImageRequest(
            prompt="",
            negative_prompt="",
            width_px=self.width_px,
            height_px=self.height_px,
            steps=self.steps,
            guidance_scale=float(self.guidance_scale),
            seed=0,
            scheduler=self.scheduler,
        )

    def video_request(self) -> VideoRequest:
        """A request for a clip of an empty prompt with seed 0: what a caller sets replaces its values."""
        return VideoRequest(
            prompt="",
            negative_prompt="",
            width_px=self.width_px,
            height_px=self.height_px,
            steps=self.steps,
            guidance_scale=float(self.guidance_scale),
            seed=0,
            scheduler=self.scheduler,
            frames=self.frames,
        )


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the files of a model say, known where they are: on the worker, for a model of a hub.

    Attributes:
        own_scheduler: The name of the model's own scheduler; None if it has none here.
        schedulers: Those that the model can be drawn with; empty while that is unknown.
        prompt_max_tokens: How many tokens of a prompt the model reads (see `prompt_tokens`); 0 while that is unknown.
        latents: The format of the model's latents; None while that is unknown.
    """

    own_scheduler: SchedulerName | None = None
    schedulers: tuple[SchedulerName, ...] = ()
    prompt_max_tokens: int = 0
    latents: LatentFormat | None = None


NO_FACTS = FileFacts()
"""While the files are not there."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One entry of the catalogue.

    Attributes:
        revision: Names weights that never change: the commit of a hub that the source names. Empty otherwise; then
            the weights are hashed when they are loaded.
        folder: The absolute folder of a `path` source; None for a hub's.
        defaults: What a request gets where it sets nothing.
        size_multiple_px: Width and height must be multiples of it.
        max_size_px: The largest width and height.
        is_default: Whether this is the default among the models of its kind.
        dtype: Precision of the weights; None means the device's own choice.
        variant: Infix of the weight files, such as `fp16`; empty for none.
        preview: How a latent becomes a small picture: `pixel_shuffle` where the latent is a rearranged small picture,
            else the decoder runs on a shrunk latent.
        max_frames: The longest clip, for videos only.
        takes_first_frame: Whether a clip may begin with a given picture, for videos only.
        has_scheduler: Whether the catalogue or the model's own card names the default scheduler; the model's own is
            used otherwise, where it is known.
        schedulers: See FileFacts.
        prompt_max_tokens: See FileFacts.
        latents: See FileFacts.
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
    has_scheduler: bool = False
    schedulers: tuple[SchedulerName, ...] = ()
    prompt_max_tokens: int = 0
    latents: LatentFormat | None = None

    def with_facts(self, facts: FileFacts) -> ModelCard:
        """The card, completed by what the model's files say: what the card says itself stays."""
        own = None if self.has_scheduler else facts.own_scheduler
        return replace(
            self,
            defaults=self.defaults if own is None else replace(self.defaults, scheduler=own),
            schedulers=self.schedulers or facts.schedulers,
            prompt_max_tokens=self.prompt_max_tokens or facts.prompt_max_tokens,
            latents=self.latents or facts.latents,
        )

    def check_size(self, width_px: int, height_px: int) -> None:
        """Checks a size in pixels.

        Raises:
            EngineError: INVALID_SIZE, the model cannot draw it.
        """
        for name, size in (("width_px", width_px), ("height_px", height_px)):
            if size % self.size_multiple_px or not 0 < size <= self.max_size_px:
                rule = f"a multiple of {self.size_multiple_px} up to {self.max_size_px}"
                raise EngineError("INVALID_SIZE", f"{name} must be {rule} for model {self.id}")

    def check_frames(self, frames: int) -> None:
        """Checks the number of frames of a clip.

        Raises:
            EngineError: INVALID_FRAMES, the model cannot draw so many.
        """
        if not 0 < frames <= self.max_frames:
            raise EngineError("INVALID_FRAMES", f"frames must be from 1 to {self.max_frames} for model {self.id}")

    def check(self, request: DrawingRequest) -> None:
        """Checks a request against the card.

        Raises:
            EngineError: INVALID_SIZE, INVALID_FRAMES or INVALID_REQUEST, the model cannot draw it.
        """
        self.check_size(request.width_px, request.height_px)
        if isinstance(request, VideoRequest):
            self.check_frames(request.frames)
            if request.first_frame is not None and not self.takes_first_frame:
                raise EngineError("INVALID_REQUEST", f"model {self.id} takes no first frame")
