"""The demo model draws from pictures, behind masks and in two passes; what it draws is looked at as colours."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.engine.results import Pixels
from atelier_diffusion.policy.request import ImageRequest, SchedulerName

REQUEST = ImageRequest("a red circle on a blue background", "", 256, 256, 12, 3.0, 7, "DDIM")
RED, GREEN, YELLOW, BLUE, WHITE = (220, 35, 35), (35, 160, 60), (253, 225, 40), (35, 80, 215), (250, 245, 250)


def square() -> Pixels:
    """A red square on a blue background, as a person draws one, in the middle: the model's world has single shapes
    nowhere else."""
    image = Image.new("RGB", (256, 256), BLUE)
    ImageDraw.Draw(image).rectangle((73, 73, 183, 183), fill=RED)
    return np.asarray(image)


def of_colour(pixels: Pixels, colour: tuple[int, int, int]) -> "np.typing.NDArray[np.bool_]":
    """Where the picture has about that colour."""
    near: np.typing.NDArray[np.bool_] = np.abs(pixels.astype(int) - colour).max(axis=-1) < 70
    return near


def overlap(first: "np.typing.NDArray[np.bool_]", second: "np.typing.NDArray[np.bool_]") -> float:
    """Intersection over union."""
    return float((first & second).sum() / (first | second).sum())


@pytest.mark.parametrize("scheduler", ["DDIM", "EULER", "DPMPP_2M"])
def test_a_drawn_square_stays_one_and_takes_the_prompts_colour(engine: ImageEngine, scheduler: SchedulerName) -> None:
    begun = square()
    asked = replace(REQUEST, prompt="a green square on a blue background", scheduler=scheduler, denoise=0.6)
    drawn = engine.generate(replace(asked, init_picture=begun))[0].pixels
    assert overlap(of_colour(begun, RED), of_colour(drawn, GREEN)) > 0.8
    assert of_colour(drawn, RED).mean() < 0.01
    assert of_colour(drawn, BLUE)[:, 210:].mean() > 0.9


def test_a_circle_that_was_drawn_becomes_yellow_and_stays_where_it_is(engine: ImageEngine) -> None:
    begun = engine.generate(REQUEST)[0].pixels
    asked = replace(REQUEST, prompt="a yellow circle on a blue background", denoise=0.6, init_picture=begun, seed=8)
    drawn = engine.generate(asked)[0].pixels
    assert overlap(of_colour(begun, RED), of_colour(drawn, YELLOW)) > 0.8


def test_half_a_picture_is_redrawn_and_the_other_half_stays_to_the_bit(engine: ImageEngine) -> None:
    begun = engine.generate(REQUEST)[0].pixels
    mask = np.zeros((256, 256), np.uint8)
    mask[:, :128] = 255
    asked = replace(REQUEST, prompt="a green circle on a white background", init_picture=begun, mask=mask)
    drawn = engine.generate(asked)[0].pixels
    assert np.array_equal(drawn[:, 128:], begun[:, 128:])
    left_half = drawn[:, :128]
    assert of_colour(left_half, WHITE).mean() > 0.6
    assert of_colour(left_half, BLUE).mean() < 0.05
    assert overlap(of_colour(begun[:, :128], RED), of_colour(left_half, GREEN)) > 0.7  # the halves fit together


@pytest.mark.parametrize("second", ["DDIM", "EULER", "DPMPP_2M"])
def test_a_second_pass_takes_the_latent_on(engine: ImageEngine, second: SchedulerName) -> None:
    whole = engine.generate(REQUEST)[0].pixels
    half = engine.generate(replace(REQUEST, end_step=6, outputs=("PICTURE", "LATENT")))[0]
    assert half.latent is not None
    assert of_colour(half.pixels, BLUE).mean() < 0.3  # still noise
    rest = replace(REQUEST, scheduler=second, start_step=6, add_noise=False, init_latent=half.latent.samples, seed=1)
    drawn = engine.generate(rest)[0].pixels
    assert overlap(of_colour(whole, RED), of_colour(drawn, RED)) > 0.9


def test_a_finished_latent_is_varied_by_another_seed(engine: ImageEngine) -> None:
    first = engine.generate(replace(REQUEST, outputs=("PICTURE", "LATENT")))[0]
    assert first.latent is not None
    varied = engine.generate(replace(REQUEST, init_latent=first.latent.samples, denoise=0.5, seed=99))[0].pixels
    assert overlap(of_colour(first.pixels, RED), of_colour(varied, RED)) > 0.8
    assert not np.array_equal(first.pixels, varied)


def test_a_picture_survives_being_encoded_and_decoded(engine: ImageEngine) -> None:
    begun = square()
    nothing = replace(REQUEST, start_step=0, end_step=0, add_noise=False, init_picture=begun)
    decoded = engine.generate(nothing)[0].pixels
    assert np.abs(decoded.astype(int) - begun).mean() < 12
