"""Picture files of single frames: PNG, WebP and JPEG."""

from __future__ import annotations

import io
from typing import Literal, get_args

from PIL import Image

from atelier_media.errors import MediaError
from atelier_media.frame import Frame, each_frame

PictureFormat = Literal["PNG", "WEBP", "JPEG"]
PICTURE_FORMATS: tuple[PictureFormat, ...] = get_args(PictureFormat)
PICTURE_CONTENT_TYPES: dict[PictureFormat, str] = {"PNG": "image/png", "WEBP": "image/webp", "JPEG": "image/jpeg"}


def encode_frame(frame: Frame, picture_format: PictureFormat, max_width_px: int | None = None) -> bytes:
    """Encodes a frame; equal frames return equal bytes. PNG is lossless, WebP has quality 90, JPEG 92 with full colour.

    Args:
        frame: (height, width, 3), uint8, sRGB.
        picture_format: The file format.
        max_width_px: A wider frame is scaled down to this width, at least 1, with its aspect ratio; None: it is not.

    Raises:
        MediaError: INVALID_FRAME.
    """
    if frame.ndim != 3:
        raise MediaError("INVALID_FRAME", f"a file holds one frame, not {frame.shape}")
    (pixels,) = each_frame(frame)
    image = Image.fromarray(pixels, "RGB")
    if max_width_px is not None and max_width_px < image.width:
        size = max_width_px, max(1, round(image.height * max_width_px / image.width))
        image = image.resize(size, Image.Resampling.LANCZOS)
    target = io.BytesIO()
    if picture_format == "PNG":
        image.save(target, "PNG", compress_level=6)
    elif picture_format == "WEBP":
        image.save(target, "WEBP", quality=90, method=4)
    else:
        image.save(target, "JPEG", quality=92, subsampling=0)
    return target.getvalue()
