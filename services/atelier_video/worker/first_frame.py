"""The picture that a clip begins with, as the engine takes it."""

import io
import struct

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
            upright = _upright(image)
            if upright.mode == "I;16":  # 16 bits of grey, which Pillow would cut off at 255
                upright = upright.point(lambda shade: shade * (1 / 257))
            fitted = ImageOps.fit(upright.convert("RGB"), (width_px, height_px), Image.Resampling.LANCZOS)
            return np.array(fitted)
    except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError) as error:
        text = "the first frame cannot be decoded"
        raise JobFault("FIRST_FRAME_DAMAGED", text, retryable=False) from error


def _upright(image: Image.Image) -> Image.Image:
    """Not by ImageOps.exif_transpose: that writes the EXIF anew, and fails where a camera put a text for a number."""
    turn = _TO_UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    return image if turn is None else image.transpose(turn)
