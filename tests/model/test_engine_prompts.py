"""How much of a prompt a model reads, and that nobody else does."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.model.small_models import animate_diff, ltx, stable_diffusion_xl
from tests.model.test_engine_families import engine_on

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.policy.model_card import ModelCard, ModelDefaults
from atelier_diffusion.policy.model_source import ModelSource
from atelier_diffusion.policy.prompt_tokens import PromptTokens, TokenCount
from atelier_diffusion.policy.request import ImageRequest, VideoRequest
from atelier_diffusion.torch_backend.local_engine import open_video_engine

SHORT = ImageRequest("a red circle", "", 64, 64, 1, 3.0, 7, "DDIM")
SECRET = "a boat, a tree, " * 60 + "the last words"


@pytest.fixture
def demo(engine: ImageEngine, demo_catalogue: Catalogue) -> Path:
    folder = demo_catalogue.default.folder
    assert folder is not None
    return folder


def test_a_short_prompt_is_read_whole(engine: ImageEngine) -> None:
    (picture,) = engine.generate(SHORT)
    assert picture.tokens == PromptTokens(TokenCount(5, 32), None)


def test_a_long_prompt_is_truncated_and_the_engine_reports_that_alone(
    engine: ImageEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    (picture,) = engine.generate(replace(SHORT, prompt=SECRET, negative_prompt="a square"))
    assert picture.tokens is not None
    assert (picture.tokens.prompt.limit, picture.tokens.prompt.is_truncated) == (32, True)
    assert picture.tokens.prompt.tokens > 300
    assert picture.tokens.negative_prompt == TokenCount(4, 32)
    assert capfd.readouterr() == ("", "")


def test_what_is_counted_is_what_is_read(engine: ImageEngine) -> None:
    """A word past the limit changes no bit, and one before it does."""
    limit = 32 - 2
    words = ["red"] * (limit + 1)
    (full,) = engine.generate(replace(SHORT, prompt=" ".join(words)))
    (other_end,) = engine.generate(replace(SHORT, prompt=" ".join([*words[:-1], "blue"])))
    (other_last,) = engine.generate(replace(SHORT, prompt=" ".join([*words[:-2], "blue", "red"])))
    assert full.tokens is not None
    assert full.tokens.prompt == TokenCount(33, 32)
    assert (full.pixels == other_end.pixels).all()
    assert not (full.pixels == other_last.pixels).all()


def test_two_text_encoders_read_as_much_as_the_one_that_cuts_first(demo: Path, tmp_path: Path) -> None:
    stable_diffusion_xl(demo).save_pretrained(tmp_path)
    with engine_on(tmp_path) as opened:
        (picture,) = opened.generate(replace(SHORT, prompt=SECRET, scheduler="EULER"))
    assert picture.tokens is not None
    assert picture.tokens.prompt.is_truncated


@pytest.mark.parametrize(("family", "limit"), [(animate_diff, 32), (ltx, 128)])
def test_a_pipeline_that_is_called_reports_its_token_limit(
    demo: Path, tmp_path: Path, family: Any, limit: int, capfd: pytest.CaptureFixture[str]
) -> None:
    family(demo).save_pretrained(tmp_path)
    defaults = ModelDefaults(64, 64, 2, 1.0, "EULER", frames=2)
    card = ModelCard("m", "M", ModelSource("path", str(tmp_path)), "r", tmp_path, defaults, kind="video")
    request = VideoRequest(
        prompt=SECRET, negative_prompt="", width_px=64, height_px=64, frames=2, steps=1, guidance_scale=1.0, seed=0,
        scheduler="EULER",
    )  # fmt: skip
    capfd.readouterr()
    clip = open_video_engine(Catalogue([card], "m"), device="cpu", threads=1).generate(
        request, on_frames=lambda _: True
    )
    assert clip.tokens is not None
    assert (clip.tokens.prompt.limit, clip.tokens.prompt.is_truncated) == (limit, True)
    assert capfd.readouterr() == ("", "")


def test_the_catalogue_has_the_token_limit_of_a_model_in_a_folder(demo_catalogue: Catalogue) -> None:
    assert demo_catalogue.default.prompt_max_tokens == 32
