"""Parameters of pictures and clips as keyword arguments; unknown ones are refused: the gateway would ignore them."""

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypedDict, TypeVar

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from atelier.image.v1.image_pb2 import GenerationParameters
from atelier.video.v1 import video_pb2


class DrawingParameters(TypedDict, total=False):
    """Parameters besides the prompt, of pictures and clips; what is left out is filled in from the model's card."""

    negative_prompt: str
    """What the picture should not show."""
    model: str
    """Id of a model in the catalogue."""
    width_px: int
    """Width in pixels, a multiple of 8."""
    height_px: int
    """Height in pixels, a multiple of 8."""
    steps: int
    """Denoising steps, 1 to 200."""
    guidance_scale: float
    """Classifier-free guidance, 0 to 30; up to 1 there is none."""
    scheduler: str
    """`DDIM`, `EULER`, `EULER_ANCESTRAL`, `DPMPP_2M`, `DPMPP_SDE`, `DPMPP_2M_SDE`, `HEUN`, `UNIPC`, `DDPM`, `LMS`,
    `DPM2`, `DPM2_ANCESTRAL` or, for models distilled for it, `LCM`."""
    metadata: Mapping[str, str]
    """Labels for your own use."""


class Parameters(DrawingParameters, total=False):
    """Parameters of an image."""

    seed: int
    """Seed of the first picture; picture k uses seed + k."""
    count: int
    """How many pictures, 1 to 8."""
    output_format: str
    """`PNG`, `WEBP` or `JPEG`."""
    wide_seed: int
    """A seed of 64 bits, instead of `seed`."""
    init_image: str
    """Id of an asset of yours, a picture, that the drawing begins with."""
    init_latent: str
    """Id of an asset of yours, a latent, that the drawing begins with."""
    mask: str
    """Id of an asset of yours, a picture: its white is redrawn, the rest of the initial picture stays."""
    denoise: float
    """How much is denoised, more than 0 to 1."""
    start_step: int
    """The step to begin with."""
    end_step: int
    """The step to stop before."""
    add_noise: bool
    """Whether noise is added to what the drawing begins with; by default when `start_step` is 0."""
    keep_noise: bool
    """Whether a drawing that stops early leaves its noise; by default True."""
    outputs: Sequence[str]
    """`PICTURE`, `LATENT` or both."""
    sigmas: str
    """`NORMAL`, `KARRAS`, `EXPONENTIAL`, `SGM_UNIFORM`, `SIMPLE`, `DDIM_UNIFORM` or `BETA`."""


class VideoParameters(DrawingParameters, total=False):
    """Parameters of a video."""

    seed: int
    """Seed; random when left out."""
    frames: int
    """Frames that the model draws, at most what its card says."""
    frame_rate_hz: float
    """Frames a second of the clip; motion keeps its speed."""
    first_frame: str
    """Id of an asset of yours, a picture, that the clip begins with; for models that take one."""
    container: str
    """`MP4`, `WEBM` or `GIF`."""


P = TypeVar("P", GenerationParameters, video_pb2.VideoParameters)

# Names that other tools use for the same thing.
_ELSEWHERE = {
    "width": ("width_px",),
    "height": ("height_px",),
    "guidance": ("guidance_scale",),
    "cfg_scale": ("guidance_scale",),
    "num_inference_steps": ("steps",),
    "num_images": ("count",),
    "n": ("count",),
    "num_frames": ("frames",),
    "fps": ("frame_rate_hz",),
    "rate": ("frame_rate_hz",),
    "image": ("first_frame", "init_image"),
    "init": ("init_image",),
    "latent": ("init_latent",),
    "strength": ("denoise",),
    "format": ("output_format", "container"),
    "output_format": ("container",),
    "negative": ("negative_prompt",),
    "sampler": ("scheduler",),
    "labels": ("metadata",),
}


def to_message(prompt: str, parameters: Mapping[str, Any]) -> GenerationParameters:
    """Returns the contract's message for an image. Raises as `fill` does."""
    return fill(GenerationParameters(), prompt, parameters)


def to_video_message(prompt: str, parameters: Mapping[str, Any]) -> video_pb2.VideoParameters:
    """Returns the contract's message for a video. Raises as `fill` does."""
    return fill(video_pb2.VideoParameters(), prompt, parameters)


def fill(message: P, prompt: str, parameters: Mapping[str, Any]) -> P:
    """Sets the fields of a message. Ranges are checked by the server, which has the rules.

    Args:
        message: The message, which is changed.
        prompt: What to draw.
        parameters: Values by field name, without the suffix `_asset_id`; None leaves a field unset.

    Returns:
        `message`.

    Raises:
        TypeError: A name is unknown (the message names the nearest one), or a value has the wrong type.
        ValueError: A value is outside the range of its field's type.
    """
    fields = {field.name.removesuffix("_asset_id"): field for field in message.DESCRIPTOR.fields}
    for name, value in {"prompt": prompt, **parameters}.items():
        if name not in fields:
            raise TypeError(_unknown(name, fields))
        if value is None:
            continue
        field = fields[name]
        if field.enum_type is not None:
            several = [value] if field.is_repeated and isinstance(value, str) else value
            value = _enum_value(name, field.enum_type, several)
        _set(message, field, value)
    return message


def enum_number(field: str, kind: EnumDescriptor, value: str) -> int:
    """Returns the number of an enum value by its name, in any case and with spaces or dashes for `_`.

    `dpm++` is `DPMPP`. Raises ValueError, whose message lists all names, when there is no such value.
    """
    numbers = {known.name: known.number for known in kind.values if known.number}
    name = value.strip().upper().replace("-", "_").replace(" ", "_").replace("DPM++", "DPMPP")
    if name not in numbers:
        raise ValueError(f"{field}: {value!r} is none of {', '.join(numbers)}")
    return numbers[name]


def _enum_value(field: str, kind: EnumDescriptor, value: Any) -> Any:
    """Returns the number of a name, or the numbers of several; other values are returned unchanged."""
    if isinstance(value, str):
        return enum_number(field, kind, value)
    if isinstance(value, list | tuple):
        return [_enum_value(field, kind, each) for each in value]
    return value


def _set(message: P, field: FieldDescriptor, value: Any) -> None:
    try:
        if isinstance(value, Mapping) and field.name == "metadata":
            message.metadata.update(value)
        elif isinstance(value, list) and field.is_repeated and field.enum_type is not None:
            getattr(message, field.name).extend(value)
        elif isinstance(value, bool) != (field.type == FieldDescriptor.TYPE_BOOL):
            raise TypeError("a truth value, or none")
        else:
            setattr(message, field.name, value)
    except TypeError as error:
        raise TypeError(f"{field.name}: {value!r} is of the wrong type") from error
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{field.name}: {value!r} is out of range") from error


def _unknown(name: str, fields: Collection[str]) -> str:
    elsewhere = [known for known in _ELSEWHERE.get(name, ()) if known in fields]
    nearest = next(iter(elsewhere or get_close_matches(name, fields, n=1, cutoff=0.5)), None)
    hint = f"did you mean {nearest!r}?" if nearest else f"there are {', '.join(fields)}"
    return f"unknown parameter {name!r}; {hint}"
