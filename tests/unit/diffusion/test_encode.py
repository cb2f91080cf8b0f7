"""Pictures as files."""

import io

import numpy as np
import pytest
from PIL import Image

from atelier_diffusion.encoding.picture_file import (
    OUTPUT_FORMATS,
    OutputFormat,
    encode_picture,
    preview_jpeg,
    read_parameters,
    webui_text,
)
from atelier_diffusion.engine.results import Pixels

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


def test_png_has_a_readable_line_of_parameters() -> None:
    with Image.open(io.BytesIO(encode_picture(gradient(), "PNG", PARAMETERS))) as image:
        assert isinstance(image, Image.Image)
        assert image.info["Description"].startswith("ein Boot – 船 · guidance_scale: 3.0 · ")


DRAWN = {
    "prompt": "a red circle, blurred\non blue", "negative_prompt": "a square", "model": "demo-image", "width_px": 64,
    "height_px": 32, "steps": 12, "guidance_scale": 7.0, "scheduler": "EULER_ANCESTRAL", "seed": 5, "count": 1,
}  # fmt: skip


def test_png_has_the_parameters_that_programs_around_the_web_ui_read() -> None:
    data = encode_picture(gradient(), "PNG", DRAWN)
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["parameters"] == (
            "a red circle, blurred\non blue\n"
            "Negative prompt: a square\n"
            "Steps: 12, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x32, Model: demo-image, Version: Atelier"
        )
    assert b"tEXtparameters\0" in data
    assert read_parameters(data) == DRAWN


def test_the_web_uis_text_takes_any_letters_and_quotes_what_would_end_a_value() -> None:
    data = encode_picture(gradient(), "PNG", {"prompt": "船", "model": "a: b, c", "guidance_scale": 2.5, "steps": 1})
    with Image.open(io.BytesIO(data)) as image:
        text = '船\nSteps: 1, CFG scale: 2.5, Model: "a: b, c", Version: Atelier'
        assert image.info["parameters"] == text


def test_a_picture_of_another_program_has_no_parameters() -> None:
    target = io.BytesIO()
    Image.new("RGB", (8, 8)).save(target, "JPEG")
    assert read_parameters(target.getvalue()) is None


@pytest.mark.parametrize(
    ("size", "expected"), [((32, 16), (128, 64)), ((256, 512), (64, 128)), ((128, 128), (128, 128))]
)
def test_a_preview_is_a_jpeg_of_128_pixels(size: tuple[int, int], expected: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(preview_jpeg(gradient(*size)))) as image:
        assert (image.format, image.size) == ("JPEG", expected)


def test_the_text_for_other_programs_names_what_a_sampler_took() -> None:
    text = webui_text(
        {"prompt": "a cat", "steps": 12, "scheduler": "DPMPP_2M_SDE", "sigmas": "KARRAS", "wide_seed": 2**63, "seed": 0,
         "denoise": 0.6},
        "Atelier",
    )  # fmt: skip
    assert text.splitlines()[-1] == (
        "Steps: 12, Sampler: DPM++ 2M SDE, Schedule type: Karras, Seed: 9223372036854775808, Denoising strength: 0.6, "
        "Version: Atelier"
    )
