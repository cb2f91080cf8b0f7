"""Engine requests: what to draw, with every parameter set. Equal requests to equal weights return equal bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from atelier_diffusion.policy.errors import EngineError

if TYPE_CHECKING:  # API processes import this module and have no numpy
    import numpy as np
    from numpy.typing import NDArray

SchedulerName = Literal[
    "DDIM", "EULER", "EULER_ANCESTRAL", "DPMPP_2M", "LCM", "HEUN", "DPMPP_SDE", "DPMPP_2M_SDE", "UNIPC", "DDPM", "LMS",
    "DPM2", "DPM2_ANCESTRAL",
]  # fmt: skip
SCHEDULERS: tuple[SchedulerName, ...] = get_args(SchedulerName)

SigmasName = Literal["NORMAL", "KARRAS", "EXPONENTIAL", "SGM_UNIFORM", "SIMPLE", "DDIM_UNIFORM", "BETA"]
SIGMAS: tuple[SigmasName, ...] = get_args(SigmasName)

OutputKind = Literal["PICTURE", "LATENT"]
OUTPUT_KINDS: tuple[OutputKind, ...] = get_args(OutputKind)

SEED_RANGE = 2**32
WIDE_SEED_RANGE = 2**64

MAX_SCHEDULE_STEPS = 1000
"""The longest noise schedule: the timesteps that models are trained with."""

# How `DrawingRequest.to_json` treats a field. One that was added later is left out at its default: the JSON of requests
# without it, and the cache keys made of that, stay as they were. Arrays are no JSON values.
_ADDED, _ARRAY = {"json": "unless default"}, {"json": "never"}


@dataclass(frozen=True, slots=True)
class DrawingRequest:
    """The parameters that requests for pictures and for clips have in common.

    Attributes:
        prompt: What to draw.
        negative_prompt: What not to draw; may be empty.
        width_px: Width in pixels, at least 1.
        height_px: Height in pixels, at least 1.
        steps: Denoising steps, at least 1.
        guidance_scale: Weight of classifier-free guidance, at least 0. From 0 to 1 there is no guidance, and half the
            work.
        seed: Seed of the noise, from 0 to 2^32 - 1.
        scheduler: The noise scheduler.

    Raises:
        EngineError: INVALID_REQUEST, a value that no model can take.
    """

    prompt: str
    negative_prompt: str
    width_px: int
    height_px: int
    steps: int
    guidance_scale: float
    seed: int
    scheduler: SchedulerName

    def __post_init__(self) -> None:
        if self.scheduler not in SCHEDULERS:
            raise EngineError("INVALID_REQUEST", f"scheduler must be one of {', '.join(SCHEDULERS)}")
        if self.steps < 1 or self.width_px < 1 or self.height_px < 1:
            raise EngineError("INVALID_REQUEST", "steps and sizes must be at least 1")
        if not 0 <= self.seed < SEED_RANGE:
            raise EngineError("INVALID_REQUEST", "seed must be from 0 to 4294967295")
        if not 0.0 <= self.guidance_scale < float("inf"):
            raise EngineError("INVALID_REQUEST", "guidance_scale must be a finite number of at least 0")

    @property
    def is_guided(self) -> bool:
        """Whether the network runs twice a step: for the negative prompt and for the prompt."""
        return self.guidance_scale > 1.0

    @property
    def pictures(self) -> int:
        """How many pictures, or frames of a clip, are drawn."""
        return 1

    @property
    def drawn_steps(self) -> int:
        """How many steps are done."""
        return self.steps

    def to_json(self) -> dict[str, Any]:
        """The parameters as JSON values by field name.

        Left out are arrays, which are no JSON values, and parameters at the default that `from_json` gives them.
        """
        stored = (each for each in fields(self) if each.metadata != _ARRAY)
        values = {each.name: getattr(self, each.name) for each in stored if not self._is_left_out(each)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def _is_left_out(self, each: Field[Any]) -> bool:
        return each.metadata == _ADDED and getattr(self, each.name) == each.default

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Reads what `to_json` returned. `values` may hold other names too: they are ignored.

        Raises:
            TypeError: A parameter is missing.
            EngineError: INVALID_REQUEST.
        """
        named = ((each.name, values[each.name]) for each in fields(cls) if each.name in values)
        arguments: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in named}
        return cls(**arguments)


@dataclass(frozen=True, slots=True)
class ImageRequest(DrawingRequest):
    """One request for `count` pictures; `seed` is that of the first.

    Without an initial picture or latent, a picture begins with an empty latent (all zeros).

    Attributes:
        count: How many pictures, at least 1.
        denoise: How much of the way from noise is denoised, greater than 0 and at most 1: the steps are the last of a
            schedule of `schedule_steps`.
        start_step: The step to begin with, from 0 to `end`.
        end_step: The step to stop before, at most `steps`; None for `steps`. Equal to `start_step`: nothing is denoised
            and no noise is added, the input is encoded or decoded only.
        add_noise: Whether noise of the first step's level is added to the initial latent.
        keep_noise: Whether a drawing that stops before its last step leaves its noise in the latent; otherwise the last
            step that is done leads to the level 0.
        outputs: What is returned of each picture, each kind at most once.
        sigmas: How the noise levels of the steps are spaced; None: as the scheduler does by itself.
        wide_seed: A seed from 0 to 2^64 - 1 instead of `seed`, which is 0 then; None for none.
        init_picture: (height, width, 3), uint8, sRGB, of the request's size.
        init_latent: (1, channels, height, width) of the model's latents, float32. Not together with `init_picture`.
        mask: (height, width), uint8, of the request's size: 255 is drawn anew, 0 stays as it is in the initial picture
            or latent.
    """

    count: int = 1
    denoise: float = field(default=1.0, kw_only=True, metadata=_ADDED)
    start_step: int = field(default=0, kw_only=True, metadata=_ADDED)
    end_step: int | None = field(default=None, kw_only=True, metadata=_ADDED)
    add_noise: bool = field(default=True, kw_only=True, metadata=_ADDED)
    keep_noise: bool = field(default=True, kw_only=True, metadata=_ADDED)
    outputs: tuple[OutputKind, ...] = field(default=("PICTURE",), kw_only=True, metadata=_ADDED)
    sigmas: SigmasName | None = field(default=None, kw_only=True, metadata=_ADDED)
    wide_seed: int | None = field(default=None, kw_only=True, metadata=_ADDED)
    init_picture: NDArray[np.uint8] | None = field(default=None, kw_only=True, repr=False, metadata=_ARRAY)
    init_latent: NDArray[np.float32] | None = field(default=None, kw_only=True, repr=False, metadata=_ARRAY)
    mask: NDArray[np.uint8] | None = field(default=None, kw_only=True, repr=False, metadata=_ARRAY)

    def __post_init__(self) -> None:
        DrawingRequest.__post_init__(self)  # super() without arguments does not work in a dataclass with slots
        if self.count < 1:
            raise EngineError("INVALID_REQUEST", "count must be at least 1")
        if not 0.0 < self.denoise <= 1.0 or (self.denoise < 1.0 and self.schedule_steps > MAX_SCHEDULE_STEPS):
            rule = f"denoise must be greater than 0 and at most 1, and steps / denoise at most {MAX_SCHEDULE_STEPS}"
            raise EngineError("INVALID_REQUEST", rule)
        if not 0 <= self.start_step <= self.end <= self.steps:
            raise EngineError("INVALID_REQUEST", "start_step and end_step must be in order, from 0 to steps")
        if not self.outputs or len(set(self.outputs)) != len(self.outputs) or not {*self.outputs} <= {*OUTPUT_KINDS}:
            raise EngineError("INVALID_REQUEST", f"outputs must be of {', '.join(OUTPUT_KINDS)}, each at most once")
        if self.sigmas is not None and self.sigmas not in SIGMAS:
            raise EngineError("INVALID_REQUEST", f"sigmas must be one of {', '.join(SIGMAS)}")
        if self.wide_seed is not None and not 0 <= self.wide_seed < WIDE_SEED_RANGE:
            raise EngineError("INVALID_REQUEST", "wide_seed must be from 0 to 18446744073709551615")
        self._check_arrays()

    @property
    def pictures(self) -> int:
        """How many pictures are drawn."""
        return self.count

    @property
    def end(self) -> int:
        """The step that the drawing stops before."""
        return self.steps if self.end_step is None else self.end_step

    @property
    def drawn_steps(self) -> int:
        """How many steps are done for each picture; may be 0."""
        return self.end - self.start_step

    @property
    def schedule_steps(self) -> int:
        """Steps of the whole noise schedule, whose last `steps` the request counts."""
        return self.steps if self.denoise == 1.0 else int(self.steps / self.denoise)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each picture: picture k has seed + k, modulo 2^32, or wide_seed + k, modulo 2^64."""
        first, seed_range = (self.seed, SEED_RANGE) if self.wide_seed is None else (self.wide_seed, WIDE_SEED_RANGE)
        return tuple((first + k) % seed_range for k in range(self.count))

    def alone(self, index: int) -> ImageRequest:
        """The request that draws picture `index` of this one by itself, bit for bit."""
        seed = self.seeds[index]
        return replace(self, seed=seed, count=1) if self.wide_seed is None else replace(self, wide_seed=seed, count=1)

    def _check_arrays(self) -> None:
        picture, latent, mask = self.init_picture, self.init_latent, self.mask
        size = (self.height_px, self.width_px)
        if picture is not None and (picture.dtype.name != "uint8" or picture.shape != (*size, 3)):
            raise EngineError("INVALID_REQUEST", "init_picture must have the request's size, and 3 bytes a pixel")
        if latent is not None and (latent.dtype.name != "float32" or latent.ndim != 4 or len(latent) != 1):
            raise EngineError("INVALID_REQUEST", "init_latent must be float32 of shape (1, channels, height, width)")
        if picture is not None and latent is not None:
            raise EngineError("INVALID_REQUEST", "init_picture and init_latent exclude each other")
        if mask is not None and (mask.dtype.name != "uint8" or mask.shape != size):
            raise EngineError("INVALID_REQUEST", "mask must have the request's size, and 1 byte a pixel")
        if mask is not None and picture is None and latent is None:
            raise EngineError("INVALID_REQUEST", "a mask needs an init_picture or an init_latent")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest(DrawingRequest):
    """One request for a clip.

    Attributes:
        frames: The number of frames to draw, at least 1.
        first_frame: The picture that the clip begins with, for models that take one: (height, width, 3), uint8, sRGB,
            of the clip's size.
    """

    frames: int
    first_frame: NDArray[np.uint8] | None = field(default=None, metadata=_ARRAY)

    def __post_init__(self) -> None:
        DrawingRequest.__post_init__(self)
        if self.frames < 1:
            raise EngineError("INVALID_REQUEST", "frames must be at least 1")
        first = self.first_frame
        if first is not None and (first.dtype.name != "uint8" or first.shape != (self.height_px, self.width_px, 3)):
            raise EngineError("INVALID_REQUEST", "first_frame must have the clip's size, and 3 bytes a pixel")

    @property
    def pictures(self) -> int:
        """How many frames are drawn."""
        return self.frames
