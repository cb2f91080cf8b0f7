"""The drawn world of the demo model, its words, its hold-out and its scorer; no torch."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from tools.demo_image import scorer, world
from tools.demo_image.dataset import Dataset, Mix
from tools.demo_image.prompts import plain_prompt, varied_prompt
from tools.demo_image.world import Pixels, SceneSpec, ShapeSpec, Spec

MODEL = Path(__file__).parents[2] / "models" / "demo-image"
ALL_SPECS: list[Spec] = [*world.all_shape_specs(), *world.all_scene_specs()]
RED_CIRCLE = ShapeSpec("circle", "red", "blue")


def drawn(spec: Spec, seed: int = 1) -> Pixels:
    """An anti-aliased 256 px picture of a spec."""
    return world.shrink(world.draw(spec, random.Random(seed), 2), 2)


def test_the_scorer_finds_everything_right_in_nearly_all_true_pictures() -> None:
    specs: list[Spec] = [*world.all_shape_specs()[::19], *world.all_scene_specs()[::3]]
    right = [all(scorer.score(spec, drawn(spec, seed)).values()) for seed, spec in enumerate(specs)]
    assert np.mean(right) > 0.98


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        (ShapeSpec("square", "red", "blue"), "shape"),
        (ShapeSpec("circle", "pink", "blue"), "color"),
        (ShapeSpec("circle", "red", "green"), "background"),
        (ShapeSpec("circle", "red", "blue", "big"), "size"),
        (ShapeSpec("circle", "red", "blue", "small"), "size"),
    ],
)
def test_the_scorer_names_the_one_thing_that_is_wrong(shown: ShapeSpec, wrong: str) -> None:
    answers = scorer.score(RED_CIRCLE, drawn(shown))
    assert [name for name, right in answers.items() if not right] == [wrong]


def test_the_scorer_sees_two_shapes_where_one_was_requested() -> None:
    halves = [drawn(ShapeSpec("circle", "red", "blue", "small"), seed)[:, 64:192] for seed in (1, 2)]
    answers = scorer.score(ShapeSpec("circle", "red", "blue", "small"), np.concatenate(halves, axis=1))
    assert not answers["count"]


@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_empty_picture_is_never_right(value: int) -> None:
    empty = np.full((256, 256, 3), value, dtype=np.uint8)
    assert not any(all(scorer.score(spec, empty).values()) for spec in ALL_SPECS[::37])


def test_noise_is_never_right() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    assert not any(all(scorer.score(spec, noise).values()) for spec in ALL_SPECS[::37])


def test_a_blob_is_no_shape() -> None:
    rows, columns = np.mgrid[0:128, 0:128]
    bent = (abs(rows - 64) < 30) & (abs(columns - 64) < 30) & ~((rows > 50) & (columns > 50))
    assert scorer.shape_name(bent) == ""


@pytest.mark.parametrize("shown", world.all_scene_specs()[::17], ids=plain_prompt)
def test_a_scene_is_not_taken_for_another(shown: SceneSpec) -> None:
    picture = drawn(shown)
    others = [spec for spec in world.all_scene_specs() if spec != shown]
    mistaken = [spec for spec in others[::3] if all(scorer.score(spec, picture).values())]
    assert len(mistaken) <= 1


def test_the_scorer_reads_pictures_of_any_size() -> None:
    large = world.draw(RED_CIRCLE, random.Random(1), 2)
    assert all(scorer.score(RED_CIRCLE, large).values())


def test_held_out_and_training_specs_share_no_prompt() -> None:
    held_out = {plain_prompt(spec) for spec in ALL_SPECS if world.is_held_out(spec)}
    trained = {plain_prompt(spec) for spec in ALL_SPECS if not world.is_held_out(spec)}
    assert held_out
    assert held_out.isdisjoint(trained)


def test_every_shape_color_subject_and_time_is_held_out_somewhere_and_trained_somewhere() -> None:
    for held_out in (True, False):
        specs = [spec for spec in ALL_SPECS if world.is_held_out(spec) is held_out]
        shapes = [spec for spec in specs if isinstance(spec, ShapeSpec)]
        scenes = [spec for spec in specs if isinstance(spec, SceneSpec)]
        assert {spec.shape for spec in shapes} == set(world.SHAPES)
        assert {spec.color for spec in shapes} == {spec.background for spec in shapes} == set(world.COLORS)
        assert {spec.subject for spec in scenes} == set(world.SUBJECTS)
        assert {spec.time for spec in scenes} == set(world.TIMES)


def test_training_never_draws_a_held_out_prompt() -> None:
    dataset = Dataset(seed=3, mix=Mix(), masks_each=2, scenes_each=1)
    thumbs, prompts = dataset.batch(2000)
    held_out = {plain_prompt(spec) for spec in ALL_SPECS if world.is_held_out(spec)}
    assert thumbs.shape == (2000, 3, 32, 32)
    assert -1 <= thumbs.min() < thumbs.max() <= 1
    assert held_out.isdisjoint(prompts)


def test_plain_prompts_are_unique_and_made_of_words() -> None:
    prompts = [plain_prompt(spec) for spec in ALL_SPECS]
    assert len(set(prompts)) == len(prompts)
    assert all(word.isalpha() for prompt in prompts for word in prompt.split())
    assert plain_prompt(ShapeSpec("star", "orange", "black", "small")) == "a small orange star on a black background"
    scene = SceneSpec("house", "night", "orange", with_tree=True, with_orb=True)
    assert plain_prompt(scene) == "an orange house and a tree under the moon at night"


def test_a_varied_prompt_names_the_shape_and_its_color() -> None:
    rng = random.Random(4)
    for spec in world.all_shape_specs():
        assert f"{spec.color} {spec.shape}" in varied_prompt(spec, rng)


def test_each_word_of_a_plain_prompt_is_one_token_of_the_shipped_tokenizer() -> None:
    vocabulary = json.loads((MODEL / "tokenizer" / "vocab.json").read_text(encoding="utf-8"))
    words = {word for spec in ALL_SPECS for word in plain_prompt(spec).split()}
    assert {word for word in words if f"{word}</w>" not in vocabulary} == set()


def test_the_card_is_complete() -> None:
    card = json.loads((MODEL / "card.json").read_text())
    assert card["id"] == "demo-image"
    assert set(card["rates"]) == {"single", "scene"}
    assert card["parameter_bytes"] == sum(path.stat().st_size for path in MODEL.rglob("*.safetensors"))
    assert card["defaults"]["width_px"] % card["size_multiple_px"] == 0
    assert card["max_width_px"] % card["size_multiple_px"] == 0
