"""Picture files of a graph: read within limits, as IMAGE and MASK tensors."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError
from torch import Tensor

from atelier_nodes.builtin.pixels import from_picture

# Formats that Pillow decodes by itself: EPS, for one, starts a program.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
# Checked before anything is decoded; a small file can announce a large picture.
MAX_PIXELS = 1 << 26
# A picture without alpha has an empty mask of this size.
_NO_MASK = (64, 64)


def open_picture(source: Path | bytes) -> Image.Image:
    """Opens a picture file; its pixels are decoded when they are read.

    Args:
        source: A path or the content of a file.

    Raises:
        ValueError: It is no picture, or larger than `MAX_PIXELS` with all its frames.
    """
    file: BinaryIO | Path = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        picture = Image.open(file, formats=FORMATS)
    except (UnidentifiedImageError, SyntaxError) as error:
        raise ValueError("the file is no picture of a known format") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"the picture has more than {MAX_PIXELS} pixels") from error
    pixels = picture.width * picture.height * getattr(picture, "n_frames", 1)
    if pixels > MAX_PIXELS:
        picture.close()
        raise ValueError(f"the picture has {pixels} pixels, of {MAX_PIXELS} at most")
    return picture


def read_image(source: Path | bytes) -> tuple[Tensor, Tensor]:
    """Reads a picture, or all frames of an animation.

    Frames of another size than the first are left out.

    Returns:
        IMAGE (n, height, width, 3) and MASK (n, height, width): 1 where the picture is transparent. Without alpha it
        is (n, 64, 64), all 0.

    Raises:
        ValueError: See `open_picture`.
    """
    with open_picture(source) as picture:
        # The frames of an MPO are views of a camera, not an animation.
        animated = picture.format != "MPO"
        frames: list[Tensor] = []
        masks: list[Tensor] = []
        for frame in ImageSequence.Iterator(picture):
            upright = _eight_bits(ImageOps.exif_transpose(frame))
            colours = from_picture(upright.convert("RGB"))
            if not frames or colours.shape == frames[0].shape:
                frames.append(colours)
                masks.append(_transparency(upright))
            if not animated:
                break
    return torch.stack(frames), torch.stack(masks)


def read_channel(source: Path | bytes, channel: str) -> Tensor:
    """Reads one channel of a picture as a MASK.

    Args:
        source: See `open_picture`.
        channel: `alpha` (1 where the picture is transparent), `red`, `green` or `blue`.

    Returns:
        (1, height, width); (1, 64, 64), all 0, where the picture has no such channel.

    Raises:
        ValueError: See `open_picture`.
    """
    with open_picture(source) as picture:
        upright = _eight_bits(ImageOps.exif_transpose(picture))
        if channel == "alpha":
            return _transparency(upright).unsqueeze(0)
        if upright.mode != "RGBA":
            upright = upright.convert("RGB")
        return from_picture(upright.getchannel(channel[0].upper())).unsqueeze(0)


def _eight_bits(picture: Image.Image) -> Image.Image:
    # Pillow's conversion from 16 bits cuts everything above 255 off.
    if picture.mode in ("I", "I;16", "I;16B", "I;16L"):
        return Image.fromarray((np.asarray(picture).astype(np.float32) / 257).clip(0, 255).astype(np.uint8))
    return picture


def _transparency(picture: Image.Image) -> Tensor:
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return torch.zeros(_NO_MASK, dtype=torch.float32)
    return 1.0 - from_picture(picture.convert("RGBA").getchannel("A"))
