"""A resolved request."""

from dataclasses import replace

import pytest

from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.request import ImageRequest

REQUEST = ImageRequest("a boat", "", 256, 256, 20, 3.0, 7, "DDIM", 3)


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
    ],
)
def test_what_no_model_could_take_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(EngineError) as refused:
        replace(REQUEST, **wrong)  # type: ignore[arg-type]
    assert refused.value.reason == "INVALID_REQUEST"
