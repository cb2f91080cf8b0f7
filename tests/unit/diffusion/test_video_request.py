"""A resolved request for a clip."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.model_card import ModelCard, ModelDefaults
from atelier_diffusion.policy.model_source import ModelSource
from atelier_diffusion.policy.request import VideoRequest

REQUEST = VideoRequest(
    prompt="a ball",
    negative_prompt="",
    width_px=64,
    height_px=32,
    frames=16,
    steps=4,
    guidance_scale=3.0,
    seed=7,
    scheduler="DDIM",
)
CARD = ModelCard(
    "m", "M", ModelSource("path", "m"), "r", Path("m"), ModelDefaults(), 32, 128, kind="video", max_frames=64
)


@pytest.mark.parametrize(
    "wrong",
    [
        {"frames": 0},
        {"steps": 0},
        {"width_px": 0},
        {"seed": -1},
        {"guidance_scale": -0.5},
        {"scheduler": "PLMS"},
        {"first_frame": np.zeros((64, 32, 3), np.uint8)},
        {"first_frame": np.zeros((32, 64, 4), np.uint8)},
        {"first_frame": np.zeros((32, 64, 3), np.float32)},
    ],
)
def test_what_no_model_could_take_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(EngineError) as refused:
        replace(REQUEST, **wrong)  # type: ignore[arg-type]
    assert refused.value.reason == "INVALID_REQUEST"


def test_a_request_travels_between_processes() -> None:
    assert pickle.loads(pickle.dumps(REQUEST)) == REQUEST  # noqa: S301


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"frames": 65}, "INVALID_FRAMES"),
        ({"width_px": 80}, "INVALID_SIZE"),
        ({"height_px": 160}, "INVALID_SIZE"),
        ({"first_frame": np.zeros((32, 64, 3), np.uint8)}, "INVALID_REQUEST"),
    ],
)
def test_a_clip_must_suit_the_model(asked: dict[str, object], reason: str) -> None:
    CARD.check(REQUEST)
    with pytest.raises(EngineError) as refused:
        CARD.check(replace(REQUEST, **asked))  # type: ignore[arg-type]
    assert refused.value.reason == reason


def test_a_model_that_takes_a_first_frame_gets_it() -> None:
    replace(CARD, takes_first_frame=True).check(replace(REQUEST, first_frame=np.zeros((32, 64, 3), np.uint8)))
