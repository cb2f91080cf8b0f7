"""The shipped demo video model shows what held-out prompts ask for, at the rates that its card promises."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from tools.demo_image.package import revision  # noqa: E402
from tools.demo_video import world  # noqa: E402
from tools.demo_video.evaluate import Judged, held_out_specs, judge, load_pipeline  # noqa: E402
from tools.demo_video.prompts import default_background, plain_prompt  # noqa: E402
from tools.demo_video.world import ClipSpec  # noqa: E402

MODEL = Path(__file__).parents[2] / "models" / "demo-video"
CLIPS, SHORT = 24, 4
SEED = 77

pytestmark = pytest.mark.timeout(300)  # half a minute on two quiet cores; much longer beside other work


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((MODEL / "card.json").read_text())
    return content


@pytest.fixture(scope="module")
def judged(card: dict[str, Any]) -> list[Judged]:
    """Clips of plain prompts with fixed seeds, and behind them one a direction whose prompt names no background."""
    specs = held_out_specs(CLIPS, SEED)
    assert all(world.is_held_out(spec) for spec in specs)
    short = [ClipSpec("ball", "red", direction, default_background("red")) for direction in world.DIRECTIONS]
    prompts = [plain_prompt(spec) for spec in specs]
    prompts += [f"a red ball moving {spec.direction}" for spec in short]
    defaults = card["defaults"]
    return judge(load_pipeline(MODEL), specs + short, prompts, defaults["steps"], defaults["guidance_scale"], SEED)


def least_right(promised: float, count: int) -> int:
    """How many of `count` clips are right at least, 99 times in 100, if the promise is true."""
    return math.floor(count * promised - 2.33 * math.sqrt(count * promised * (1 - promised)))


def wrong(judged: Sequence[Judged]) -> list[tuple[str, dict[str, bool]]]:
    return [(item.prompt, item.answers) for item in judged if not item.right]


def test_shapes_move_in_the_requested_direction_at_the_promised_rate(
    card: dict[str, Any], judged: list[Judged]
) -> None:
    right = sum(item.answers["motion"] for item in judged[:CLIPS])
    assert right >= least_right(card["rates"]["motion"], CLIPS), wrong(judged)


def test_shapes_have_the_requested_color_at_the_promised_rate(card: dict[str, Any], judged: list[Judged]) -> None:
    right = sum(item.answers["color"] for item in judged[:CLIPS])
    assert right >= least_right(card["rates"]["color"], CLIPS), wrong(judged)


def test_clips_are_right_in_everything_at_the_promised_rate(card: dict[str, Any], judged: list[Judged]) -> None:
    right = sum(item.right for item in judged[:CLIPS])
    assert right >= least_right(card["rates"]["clip"], CLIPS), wrong(judged)


def test_a_short_prompt_is_understood_too(judged: list[Judged]) -> None:
    short = judged[CLIPS:]
    assert len(short) == SHORT
    assert sum(item.answers["motion"] and item.answers["color"] for item in short) >= SHORT - 1, wrong(short)


def test_a_clip_has_the_size_that_the_card_names(card: dict[str, Any], judged: list[Judged]) -> None:
    defaults = card["defaults"]
    assert judged[0].clip.shape == (defaults["frames"], defaults["height_px"], defaults["width_px"], 3)


def test_the_model_is_small_enough_to_ship_and_its_card_is_complete(card: dict[str, Any]) -> None:
    assert card["id"] == "demo-video"
    assert set(card["rates"]) == {"clip", "motion", "color"}
    assert card["parameter_bytes"] == sum(path.stat().st_size for path in MODEL.rglob("*.safetensors")) < 15e6
    assert card["revision"] == revision(MODEL)
