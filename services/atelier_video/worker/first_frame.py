"""The picture that a clip begins with, as the engine takes it."""

import io

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
            upright = ImageOps.exif_transpose(image).convert("RGB")
            return np.array(ImageOps.fit(upright, (width_px, height_px), Image.Resampling.LANCZOS))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        text = "the first frame cannot be decoded"
        raise JobFault("FIRST_FRAME_DAMAGED", text, retryable=False) from error
