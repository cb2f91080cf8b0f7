"""A resolved request."""

import json
from dataclasses import replace

import numpy as np
import pytest

from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.request import ImageRequest

REQUEST = ImageRequest("a boat", "", 256, 256, 20, 3.0, 7, "DDIM", 3)
PICTURE = np.zeros((256, 256, 3), np.uint8)
LATENT = np.zeros((1, 4, 32, 32), np.float32)
MASK = np.zeros((256, 256), np.uint8)


def test_each_picture_has_the_next_seed() -> None:
    assert REQUEST.seeds == (7, 8, 9)


def test_seeds_wrap_around_at_two_to_the_32() -> None:
    assert replace(REQUEST, seed=2**32 - 1).seeds == (4294967295, 0, 1)


def test_a_picture_alone_has_its_own_seed_and_all_else_of_the_request() -> None:
    assert REQUEST.alone(2) == replace(REQUEST, seed=9, count=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scheduler": "PLMS"},
        {"steps": 0},
        {"count": 0},
        {"width_px": 0},
        {"seed": -1},
        {"seed": 2**32},
        {"guidance_scale": -0.5},
        {"guidance_scale": float("nan")},
        {"guidance_scale": float("inf")},
        {"denoise": 0.0},
        {"denoise": 1.1},
        {"denoise": float("nan")},
        {"denoise": 0.019},  # a schedule of 1052 steps
        {"start_step": 21},
        {"start_step": 5, "end_step": 4},
        {"end_step": 21},
        {"start_step": -1},
        {"outputs": ()},
        {"outputs": ("PICTURE", "PICTURE")},
        {"outputs": ("CLIP",)},
        {"sigmas": "LINEAR"},
        {"wide_seed": -1},
        {"wide_seed": 2**64},
        {"init_picture": PICTURE[:, :64]},
        {"init_picture": PICTURE.astype(np.float32)},
        {"init_latent": LATENT[0]},
        {"init_latent": LATENT.astype(np.float16)},
        {"init_picture": PICTURE, "init_latent": LATENT},
        {"mask": MASK},
        {"init_picture": PICTURE, "mask": PICTURE},
        {"init_picture": PICTURE, "mask": MASK.astype(np.bool_)},
    ],
)
def test_what_no_model_could_take_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(EngineError) as refused:
        replace(REQUEST, **wrong)  # type: ignore[arg-type]
    assert refused.value.reason == "INVALID_REQUEST"


def test_wide_seeds_wrap_around_at_two_to_the_64() -> None:
    wide = replace(REQUEST, seed=0, wide_seed=2**64 - 1)
    assert wide.seeds == (18446744073709551615, 0, 1)
    assert wide.alone(1) == replace(REQUEST, seed=0, wide_seed=0, count=1)


def test_steps_that_denoise_a_part_are_the_last_of_a_longer_schedule() -> None:
    assert (replace(REQUEST, denoise=0.6).schedule_steps, REQUEST.schedule_steps) == (33, 20)


def test_only_the_steps_between_start_and_end_are_drawn() -> None:
    assert (REQUEST.drawn_steps, replace(REQUEST, start_step=5).drawn_steps) == (20, 15)
    assert replace(REQUEST, start_step=5, end_step=12).drawn_steps == 7
    assert replace(REQUEST, start_step=20, end_step=20).drawn_steps == 0


def test_a_request_is_the_same_after_json_apart_from_its_arrays() -> None:
    request = replace(
        REQUEST, denoise=0.5, outputs=("PICTURE", "LATENT"), sigmas="KARRAS", seed=0, wide_seed=2**63, add_noise=False
    )
    assert ImageRequest.from_json(json.loads(json.dumps(request.to_json()))) == request
    assert ImageRequest.from_json(replace(request, init_picture=PICTURE, mask=MASK).to_json()) == request


def test_the_json_of_a_request_that_needs_no_later_parameter_is_that_of_the_first_version() -> None:
    first = [
        "prompt",
        "negative_prompt",
        "width_px",
        "height_px",
        "steps",
        "guidance_scale",
        "seed",
        "scheduler",
        "count",
    ]
    assert list(REQUEST.to_json()) == first
