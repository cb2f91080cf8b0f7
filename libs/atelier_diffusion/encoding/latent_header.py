"""The header of a latent file: a safetensors file with the latent of one picture.

The file has one tensor, `samples`: float32, (1, channels, height, width), the autoencoder's latent, which `scale`
multiplies for the denoiser. The metadata of its header name the family, the scale and the picture's size in pixels.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CONTENT_TYPE = "application/vnd.safetensors"
SUFFIX = "safetensors"
TENSOR = "samples"
FORMAT = "atelier.latent.1"

MAX_HEADER_BYTES = 4096
"""The longest header that is read; those that Atelier writes have about 250 bytes."""
HEAD_BYTES = 8 + MAX_HEADER_BYTES
"""The first bytes of a file, which hold the whole header."""

_MAX_SIDE_PX = 16384
_MAX_CHANNELS = 128
_MAX_CELL_PX = 64
_NUMBER_BYTES = 4


class LatentFileError(Exception):
    """The file is no latent file; the text says why, for the caller."""


@dataclass(frozen=True, slots=True)
class LatentHeader:
    """What the header of a latent file says.

    Attributes:
        family: See `LatentFormat`.
        scale: See `LatentFormat`.
        width_px: Width of the picture.
        height_px: Height of the picture.
        shape: Shape of the tensor: (1, channels, height, width).
    """

    family: str
    scale: float
    width_px: int
    height_px: int
    shape: tuple[int, int, int, int]

    def to_bytes(self) -> bytes:
        """Encodes the header: all of a file but the numbers, which follow it in row-major order, little-endian."""
        metadata = {
            "family": self.family,
            "format": FORMAT,
            "height_px": str(self.height_px),
            "scale": repr(self.scale),
            "width_px": str(self.width_px),
        }
        tensor = {"dtype": "F32", "shape": self.shape, "data_offsets": (0, math.prod(self.shape) * _NUMBER_BYTES)}
        text = json.dumps({"__metadata__": metadata, TENSOR: tensor}, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)  # the numbers are aligned
        return len(text).to_bytes(8, "little") + text


def may_be_latent(head: bytes) -> bool:
    """Whether a file that begins with `head` looks like a latent file: the length of a header, and its JSON."""
    return head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= MAX_HEADER_BYTES


def read_latent_header(head: bytes, size_bytes: int) -> LatentHeader:
    """Reads the header of a latent file. No tensor is read.

    Args:
        head: The first HEAD_BYTES of the file, or all of a shorter one.
        size_bytes: The size of the whole file.

    Raises:
        LatentFileError: It is no latent file, or is damaged or cut short.
    """
    length = int.from_bytes(head[:8], "little")
    if len(head) < 8 or not 2 <= length <= MAX_HEADER_BYTES or len(head) < 8 + length:
        raise LatentFileError(f"it has no header of at most {MAX_HEADER_BYTES} bytes")
    try:
        header = json.loads(head[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise LatentFileError("its header is no JSON") from error
    if not isinstance(header, dict) or set(header) != {"__metadata__", TENSOR}:
        raise LatentFileError(f"it must have one tensor, {TENSOR}, and metadata")
    shape = _shape(header[TENSOR], size_bytes - 8 - length)
    return _with_metadata(header["__metadata__"], shape)


def _shape(tensor: Any, data_bytes: int) -> tuple[int, int, int, int]:
    shape = tensor.get("shape") if isinstance(tensor, dict) else None
    if not isinstance(shape, list) or len(shape) != 4 or not all(type(side) is int and side > 0 for side in shape):
        raise LatentFileError(f"{TENSOR} must have the shape (1, channels, height, width)")
    batch, channels, height, width = shape
    if batch != 1 or channels > _MAX_CHANNELS or max(height, width) > _MAX_SIDE_PX:
        raise LatentFileError(f"{TENSOR} must be the latent of one picture")
    if tensor.get("dtype") != "F32":
        raise LatentFileError(f"{TENSOR} must be float32")
    if tensor.get("data_offsets") != [0, data_bytes] or data_bytes != math.prod(shape) * _NUMBER_BYTES:
        raise LatentFileError("it is damaged or cut short")
    return (batch, channels, height, width)


def _with_metadata(metadata: Any, shape: tuple[int, int, int, int]) -> LatentHeader:
    if not isinstance(metadata, Mapping) or metadata.get("format") != FORMAT:
        raise LatentFileError(f"its metadata must say the format {FORMAT}")
    family = metadata.get("family")
    try:
        scale = float(metadata["scale"])
        width_px, height_px = int(metadata["width_px"]), int(metadata["height_px"])
    except (KeyError, TypeError, ValueError) as error:
        raise LatentFileError("its metadata must say scale, width_px and height_px") from error
    if not isinstance(family, str) or not 1 <= len(family) <= 64 or not 0.0 < scale < math.inf:
        raise LatentFileError("its metadata must say a family and a scale")
    cell_px, rest = divmod(width_px, shape[3])
    if (
        rest
        or not 1 <= cell_px <= _MAX_CELL_PX
        or height_px != cell_px * shape[2]
        or max(width_px, height_px) > _MAX_SIDE_PX
    ):
        raise LatentFileError(f"width_px and height_px do not fit the shape of {TENSOR}")
    return LatentHeader(family, scale, width_px, height_px, shape)
