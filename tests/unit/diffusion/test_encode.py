"""Pictures as files."""

import io

import numpy as np
import pytest
from PIL import Image

from atelier_diffusion.denoise import Pixels
from atelier_diffusion.encode import OUTPUT_FORMATS, OutputFormat, encode_picture, preview_jpeg, read_parameters

PARAMETERS = {
    "prompt": "ein Boot – 船",
    "seed": 7,
    "guidance_scale": 3.0,
    "metadata": {"a": "b"},
    "negative_prompt": "",
}


def gradient(width_px: int = 64, height_px: int = 32) -> Pixels:
    x = np.linspace(0, 255, width_px, dtype=np.uint8)
    return np.stack([np.tile(x, (height_px, 1))] * 3, axis=-1)


@pytest.mark.parametrize("output_format", OUTPUT_FORMATS)
def test_a_file_carries_its_parameters_in_every_format(output_format: OutputFormat) -> None:
    data = encode_picture(gradient(), output_format, PARAMETERS)
    assert read_parameters(data) == PARAMETERS
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == (output_format, (64, 32))


@pytest.mark.parametrize("output_format", OUTPUT_FORMATS)
def test_the_same_picture_gives_the_same_bytes(output_format: OutputFormat) -> None:
    again = dict(reversed(PARAMETERS.items()))
    assert encode_picture(gradient(), output_format, PARAMETERS) == encode_picture(gradient(), output_format, again)


def test_png_loses_nothing() -> None:
    with Image.open(io.BytesIO(encode_picture(gradient(), "PNG", PARAMETERS))) as image:
        assert np.array_equal(np.asarray(image), gradient())


def test_png_has_a_line_for_people() -> None:
    with Image.open(io.BytesIO(encode_picture(gradient(), "PNG", PARAMETERS))) as image:
        assert isinstance(image, Image.Image)
        assert image.info["Description"].startswith("ein Boot – 船 · guidance_scale: 3.0 · ")


def test_a_picture_of_somebody_else_has_no_parameters() -> None:
    target = io.BytesIO()
    Image.new("RGB", (8, 8)).save(target, "JPEG")
    assert read_parameters(target.getvalue()) is None


@pytest.mark.parametrize(
    ("size", "expected"), [((32, 16), (128, 64)), ((256, 512), (64, 128)), ((128, 128), (128, 128))]
)
def test_a_preview_is_a_jpeg_of_128_pixels(size: tuple[int, int], expected: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(preview_jpeg(gradient(*size)))) as image:
        assert (image.format, image.size) == ("JPEG", expected)
