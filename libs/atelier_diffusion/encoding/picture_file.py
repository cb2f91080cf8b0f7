"""Picture files: PNG, WebP and JPEG with their parameters inside. Equal input returns equal bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any, Literal, get_args

from PIL import Image, PngImagePlugin

from atelier_diffusion.engine.results import Pixels

OutputFormat = Literal["PNG", "WEBP", "JPEG"]
OUTPUT_FORMATS: tuple[OutputFormat, ...] = get_args(OutputFormat)
CONTENT_TYPES: dict[OutputFormat, str] = {"PNG": "image/png", "WEBP": "image/webp", "JPEG": "image/jpeg"}

SOFTWARE = "Atelier"
_CHUNK = "atelier"
PREVIEW_SIDE_PX = 128

# The web UI's names.
_SAMPLERS = {
    "EULER": "Euler", "EULER_ANCESTRAL": "Euler a", "DPMPP_2M": "DPM++ 2M", "DPMPP_SDE": "DPM++ SDE",
    "DPMPP_2M_SDE": "DPM++ 2M SDE", "HEUN": "Heun", "UNIPC": "UniPC", "DPM2_ANCESTRAL": "DPM2 a",
}  # fmt: skip
_SCHEDULES = {
    "NORMAL": "Normal", "KARRAS": "Karras", "EXPONENTIAL": "Exponential", "SGM_UNIFORM": "SGM Uniform",
    "SIMPLE": "Simple", "DDIM_UNIFORM": "DDIM", "BETA": "Beta",
}  # fmt: skip

_SOFTWARE_TAG, _DESCRIPTION_TAG = 0x0131, 0x010E
_USER_COMMENT_TAG, _EXIF_IFD = 0x9286, 0x8769
_UNICODE_MARK = b"UNICODE\x00"


def encode_picture(pixels: Pixels, output_format: OutputFormat, parameters: Mapping[str, Any]) -> bytes:
    """Encodes a picture as a file that carries its parameters.

    PNG: text chunks `atelier` (JSON), `parameters` (see `webui_text`) and `Description` (a line for people). WebP
    (quality 90) and JPEG (quality 92): JSON as EXIF user comment, the line as image description.

    Args:
        pixels: (height, width, 3), uint8, sRGB.
        output_format: The file format.
        parameters: JSON values by the names of the contract.
    """
    image = Image.fromarray(pixels, "RGB")
    text = json.dumps(dict(parameters), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    line = describe(parameters)
    target = io.BytesIO()
    if output_format == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt(_CHUNK, text)
        chunks.add_text("parameters", webui_text(parameters, SOFTWARE))  # becomes iTXt where Latin-1 is not enough
        chunks.add_itxt("Description", line)
        chunks.add_text("Software", SOFTWARE)
        image.save(target, "PNG", pnginfo=chunks, compress_level=6)
    elif output_format == "WEBP":
        image.save(target, "WEBP", quality=90, method=4, exif=_exif(text, line))
    else:
        image.save(target, "JPEG", quality=92, subsampling=0, exif=_exif(text, line))
    return target.getvalue()


def preview_jpeg(pixels: Pixels, max_side_px: int = PREVIEW_SIDE_PX) -> bytes:
    """Encodes a picture as a small JPEG whose longer side is `max_side_px`; a smaller picture is enlarged.

    Args:
        pixels: (height, width, 3), uint8, sRGB.
        max_side_px: Pixels of the longer side.
    """
    image = Image.fromarray(pixels, "RGB")
    scale = max_side_px / max(image.size)
    if scale != 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BICUBIC)
    target = io.BytesIO()
    image.save(target, "JPEG", quality=80)
    return target.getvalue()


def read_parameters(data: bytes) -> dict[str, Any] | None:
    """Reads the parameters that `encode_picture` wrote into a file; None when there are none."""
    with Image.open(io.BytesIO(data), formats=OUTPUT_FORMATS) as image:
        text = getattr(image, "text", {}).get(_CHUNK)
        if text is None:
            comment = image.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT_TAG, b"")
            text = comment.removeprefix(_UNICODE_MARK).decode("utf-16-be") if comment else None
    if text is None:
        return None
    value = json.loads(text)
    return value if isinstance(value, dict) else None


def describe(parameters: Mapping[str, Any]) -> str:
    """The parameters as one line for people: the prompt first, then `name: value`, in the order of their names."""
    rest = (f"{name}: {value}" for name, value in sorted(parameters.items()) if name != "prompt" and value != "")
    return " · ".join((str(parameters.get("prompt", "")), *rest))


def webui_text(parameters: Mapping[str, Any], software: str) -> str:
    """The parameters in the text form of AUTOMATIC1111's web UI, which galleries and other programs read.

    It is the prompt, the negative prompt after its label, and a line of `name: value`; missing ones are left out.

    Args:
        parameters: Resolved parameters, by the names of the contract.
        software: Name of the program, for `Version`.
    """
    size = f"{parameters['width_px']}x{parameters['height_px']}" if "width_px" in parameters else None
    scale = parameters.get("guidance_scale")
    sampler, sigmas = parameters.get("scheduler"), parameters.get("sigmas")
    fields = {
        "Steps": parameters.get("steps"),
        "Sampler": _SAMPLERS.get(str(sampler), sampler),
        "Schedule type": _SCHEDULES.get(str(sigmas), sigmas),
        "CFG scale": None if scale is None else f"{scale:g}",
        "Seed": parameters.get("wide_seed", parameters.get("seed")),
        "Size": size,
        "Model": parameters.get("model"),
        "Denoising strength": parameters.get("denoise"),
        "Version": software,
    }
    lines = [str(parameters.get("prompt", ""))]
    if parameters.get("negative_prompt"):
        lines.append(f"Negative prompt: {parameters['negative_prompt']}")
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in fields.items() if value is not None))
    return "\n".join(lines)


def _quoted(value: object) -> str:
    """Quotes a value that holds a delimiter, as the web UI does."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",:\n") else text


def _exif(text: str, line: str) -> Image.Exif:
    exif = Image.Exif()
    exif[_SOFTWARE_TAG] = SOFTWARE
    exif[_DESCRIPTION_TAG] = line.encode("ascii", "replace").decode()
    # EXIF says which code the comment is in; big-endian because that is what the TIFF header below says.
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT_TAG] = _UNICODE_MARK + text.encode("utf-16-be")
    return exif
