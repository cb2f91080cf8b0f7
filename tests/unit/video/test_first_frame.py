"""The picture that a clip begins with."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from atelier_jobs.worker.attempt import JobFault
from atelier_video.worker.first_frame import read_first_frame
from tests.unit.storage import pictures

ORIENTATION = 0x0112
RED, BLUE = [250, 0, 0], [0, 0, 250]


def halves(width_px: int, height_px: int) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (width_px, height_px), tuple(RED))
    image.paste(tuple(BLUE), (width_px // 2, 0, width_px, height_px))
    return image


def saved(image: Image.Image, picture_format: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, picture_format, **options)
    return target.getvalue()


@pytest.mark.parametrize(("picture_format", "options"), [
    ("PNG", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 100, "subsampling": 0}),
])  # fmt: skip
def test_a_picture_of_the_clips_size_is_taken_as_it_is(picture_format: str, options: dict[str, Any]) -> None:
    image = halves(96, 64)
    frame = read_first_frame(saved(image, picture_format, **options), 96, 64)
    assert (frame.shape, frame.dtype.name) == ((64, 96, 3), "uint8")
    assert np.abs(frame.astype(int) - np.array(image)).max() <= (6 if picture_format == "JPEG" else 0)


def test_a_picture_of_another_shape_is_cut_around_its_middle_and_scaled() -> None:
    image = Image.new("RGB", (400, 100), "white")
    image.paste(halves(150, 100), (125, 0))
    frame = read_first_frame(saved(image, "PNG"), 96, 64)
    assert frame.shape == (64, 96, 3)
    assert frame[32, 8].tolist() == RED
    assert frame[32, 88].tolist() == BLUE


def test_a_small_picture_is_made_larger() -> None:
    assert read_first_frame(saved(halves(3, 2), "PNG"), 96, 64).shape == (64, 96, 3)


def test_a_picture_from_a_camera_stands_upright() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be turned right by a quarter
    frame = read_first_frame(saved(halves(64, 96), "JPEG", quality=100, subsampling=0, exif=exif), 96, 64)
    assert frame[8, 48].argmax() == 0, "red is above now"
    assert frame[56, 48].argmax() == 2


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1"])
def test_a_picture_of_any_mode_is_taken(mode: str) -> None:
    assert read_first_frame(saved(halves(96, 64).convert(mode), "PNG"), 96, 64).shape == (64, 96, 3)


def test_a_grey_picture_of_16_bits_keeps_its_shades() -> None:
    shades = np.linspace(0, 65535, 96).astype(np.uint16)[None, :].repeat(64, axis=0)
    frame = read_first_frame(saved(Image.fromarray(shades), "PNG"), 96, 64)
    assert np.abs(frame[32, :, 0].astype(int) - shades[32] // 257).max() <= 1


DAMAGED = {
    "bytes cut off": pictures.noise_png(64, 64, b"abc")[:5000],
    "a JPEG that ends": pictures.jpeg(64, 64)[:300],
    "a WebP that ends": pictures.webp(64, 64)[:-10],
    "a header alone": pictures.raw_png(64, 64, b""),
    "too many pixels": pictures.bomb_png(),
    "a GIF": pictures.gif(),
    "no bytes": b"",
}


@pytest.mark.parametrize("what", DAMAGED)
def test_what_cannot_be_decoded_is_the_jobs_fault(what: str) -> None:
    with pytest.raises(JobFault) as caught:
        read_first_frame(DAMAGED[what], 96, 64)
    assert (caught.value.reason, caught.value.retryable) == ("FIRST_FRAME_DAMAGED", False)
