"""The picture that a clip begins with, as the engine takes it."""

import io

import numpy as np
from PIL import Image, ImageOps

from atelier_jobs.attempt import JobFault
from atelier_media.frame import Frame

_ORIENTATION = 0x0112  # of EXIF; 1 is upright
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_first_frame(data: bytes, width_px: int, height_px: int) -> Frame:
    """The picture, upright, cut to the clip's shape around its middle and scaled to its size. Blocking.

    Raises JobFault when it cannot be decoded: storage looks at headers only.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"]) as image:
            upright = _upright(image).convert("RGB")
            return np.array(ImageOps.fit(upright, (width_px, height_px), Image.Resampling.LANCZOS))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        text = "the first frame cannot be decoded"
        raise JobFault("FIRST_FRAME_DAMAGED", text, retryable=False) from error


def _upright(image: Image.Image) -> Image.Image:
    """Not by ImageOps.exif_transpose: that writes the EXIF anew, and fails where a camera put a text for a number."""
    turn = _TO_UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    return image if turn is None else image.transpose(turn)
