"""The orientation of a first frame."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from atelier_video.worker.first_frame import read_first_frame

_RNG = np.random.default_rng(1)


def _exif(orientation: int, resolution: bytes) -> bytes:
    """EXIF whose horizontal resolution is four bytes of text, as some cameras have it."""
    head = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2)
    return head + struct.pack("<HHIHHHHI4sI", 0x112, 3, 1, orientation, 0, 0x11A, 2, 4, resolution, 0)


@pytest.mark.parametrize("orientation", range(10))
def test_it_is_upright_also_where_other_fields_are_wrong(orientation: int) -> None:
    picture = Image.fromarray(np.kron(_RNG.integers(0, 255, (2, 2, 3)), np.ones((32, 32, 1))).astype(np.uint8))
    right, wrong = io.BytesIO(), io.BytesIO()
    tagged = Image.Exif()
    tagged[0x112] = orientation
    picture.save(right, "PNG", exif=tagged)
    picture.save(wrong, "PNG", exif=_exif(orientation, b"abc\0"))
    with Image.open(right) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert (read_first_frame(wrong.getvalue(), 64, 64) == expected).all()
