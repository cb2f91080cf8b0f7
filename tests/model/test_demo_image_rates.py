"""The shipped demo model draws what held-out prompts ask for, at the rate that its card promises."""

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from tools.demo_image.evaluate import Judged, held_out_specs, judge, load_pipeline  # noqa: E402
from tools.demo_image.package import revision  # noqa: E402
from tools.demo_image.prompts import plain_prompt, varied_prompt  # noqa: E402
from tools.demo_image.world import ShapeSpec, is_held_out  # noqa: E402

MODEL = Path(__file__).parents[2] / "models" / "demo-image"
SINGLES, SCENES, VARIED = 28, 8, 4
SEED = 77

pytestmark = pytest.mark.timeout(300)  # 20 s on two quiet cores; much longer beside other work


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((MODEL / "card.json").read_text())
    return content


@pytest.fixture(scope="module")
def judged(card: dict[str, Any]) -> list[Judged]:
    """Pictures of plain prompts with fixed seeds, and behind them a few of varied prompts."""
    specs = held_out_specs(SINGLES, SCENES, SEED)
    assert all(is_held_out(spec) for spec in specs)
    rng = random.Random(SEED)
    prompts = [plain_prompt(spec) for spec in specs] + [varied_prompt(spec, rng) for spec in specs[:VARIED]]
    defaults = card["defaults"]
    return judge(
        load_pipeline(MODEL), specs + specs[:VARIED], prompts, defaults["steps"], defaults["guidance_scale"], SEED
    )


def least_right(promised: float, count: int) -> int:
    """How many of `count` pictures are right at least, 99 times in 100, if the promise is true."""
    return math.floor(count * promised - 2.33 * math.sqrt(count * promised * (1 - promised)))


def wrong(judged: Sequence[Judged]) -> list[tuple[str, dict[str, bool]]]:
    return [(item.prompt, item.answers) for item in judged if not item.right]


def test_single_shapes_are_right_at_the_promised_rate(card: dict[str, Any], judged: list[Judged]) -> None:
    singles = [item for item in judged[: SINGLES + SCENES] if isinstance(item.spec, ShapeSpec)]
    assert len(singles) == SINGLES
    assert SINGLES - len(wrong(singles)) >= least_right(card["rates"]["single"], SINGLES), wrong(singles)


def test_scenes_are_right_at_the_promised_rate(card: dict[str, Any], judged: list[Judged]) -> None:
    scenes = [item for item in judged[: SINGLES + SCENES] if not isinstance(item.spec, ShapeSpec)]
    assert len(scenes) == SCENES
    assert SCENES - len(wrong(scenes)) >= least_right(card["rates"]["scene"], SCENES), wrong(scenes)


def test_colors_and_backgrounds_are_nearly_always_right(judged: list[Judged]) -> None:
    singles = [item for item in judged[:SINGLES] if isinstance(item.spec, ShapeSpec)]
    assert sum(item.answers["color"] and item.answers["background"] for item in singles) >= 0.9 * SINGLES


def test_varied_wordings_are_understood_too(judged: list[Judged]) -> None:
    varied = judged[SINGLES + SCENES :]
    assert len(varied) == VARIED
    assert sum(item.answers["color"] for item in varied) >= VARIED - 1


def test_the_card_names_the_revision_of_the_files_beside_it(card: dict[str, Any]) -> None:
    assert card["revision"] == revision(MODEL)
