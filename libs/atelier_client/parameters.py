"""What to draw, from keyword arguments; unknown ones are refused here, because the gateway would drop them silently."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypedDict

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from atelier.image.v1.image_pb2 import GenerationParameters


class Parameters(TypedDict, total=False):
    """Parameters besides the prompt; what is left out is filled in from the model's card."""

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
    """Classifier-free guidance, 1 (none) to 30."""
    seed: int
    """Seed of the first picture; picture k uses seed + k."""
    scheduler: str
    """`DDIM`, `EULER`, `EULER_ANCESTRAL` or `DPMPP_2M`."""
    count: int
    """How many pictures, 1 to 8."""
    output_format: str
    """`PNG`, `WEBP` or `JPEG`."""
    metadata: Mapping[str, str]
    """Labels of your own."""


_FIELDS = GenerationParameters.DESCRIPTOR.fields_by_name
# Names that other tools use for the same thing.
_ELSEWHERE = {
    "width": "width_px",
    "height": "height_px",
    "guidance": "guidance_scale",
    "cfg_scale": "guidance_scale",
    "num_inference_steps": "steps",
    "num_images": "count",
    "n": "count",
    "format": "output_format",
    "negative": "negative_prompt",
    "sampler": "scheduler",
    "labels": "metadata",
}


def to_message(prompt: str, parameters: Mapping[str, Any]) -> GenerationParameters:
    """The contract's message.

    Raises TypeError for a name that is none, naming the nearest, and for a value of another type; ValueError for a
    value that the field cannot hold. Ranges are the server's business: it knows the rules.
    """
    message = GenerationParameters()
    for name, value in {"prompt": prompt, **parameters}.items():
        if name not in _FIELDS:
            raise TypeError(_unknown(name))
        if value is None:
            continue
        field = _FIELDS[name]
        if field.enum_type is not None and isinstance(value, str):
            value = _enum_value(name, field.enum_type, value)
        _set(message, field, value)
    return message


def _set(message: GenerationParameters, field: FieldDescriptor, value: Any) -> None:
    try:
        if isinstance(value, Mapping) and field.name == "metadata":
            message.metadata.update(value)
        elif isinstance(value, bool):
            raise TypeError("a truth value")
        else:
            setattr(message, field.name, value)
    except TypeError as error:
        raise TypeError(f"{field.name}: {value!r} is of the wrong type") from error
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{field.name}: {value!r} is out of range") from error


def _enum_value(field: str, kind: EnumDescriptor, value: str) -> int:
    """The number of an enum value, written in any case, `dpm++ 2m` as `DPMPP_2M`, blanks and dashes as `_`."""
    numbers = {known.name: known.number for known in kind.values if known.number}
    name = value.strip().upper().replace("-", "_").replace(" ", "_").replace("DPM++", "DPMPP")
    if name not in numbers:
        raise ValueError(f"{field}: {value!r} is none of {', '.join(numbers)}")
    return numbers[name]


def _unknown(name: str) -> str:
    nearest = _ELSEWHERE.get(name) or next(iter(get_close_matches(name, _FIELDS, n=1, cutoff=0.5)), None)
    hint = f"did you mean {nearest!r}?" if nearest else f"there are {', '.join(_FIELDS)}"
    return f"unknown parameter {name!r}; {hint}"
