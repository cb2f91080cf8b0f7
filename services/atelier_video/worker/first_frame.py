"""The picture that a clip begins with, as the engine takes it."""

import io
import struct

import numpy as np
from PIL import Image, ImageOps

from atelier_jobs.attempt import JobFault
from atelier_media.frame import Frame


def read_first_frame(data: bytes, width_px: int, height_px: int) -> Frame:
    """The picture, upright, cut to the clip's shape around its middle and scaled to its size. Blocking.

    Raises JobFault when it cannot be decoded: storage looks at headers only.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"]) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode == "I;16":  # 16 bits of grey, which Pillow would cut off at 255
                upright = upright.point(lambda shade: shade * (1 / 257))
            fitted = ImageOps.fit(upright.convert("RGB"), (width_px, height_px), Image.Resampling.LANCZOS)
            return np.array(fitted)
    except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError) as error:
        text = "the first frame cannot be decoded"
        raise JobFault("FIRST_FRAME_DAMAGED", text, retryable=False) from error
