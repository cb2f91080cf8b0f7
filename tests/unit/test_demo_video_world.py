"""The moving world of the demo video model, its words, its hold-out and its scorer; no torch."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tools.demo_image.world import COLORS
from tools.demo_video import scorer, world
from tools.demo_video.dataset import Dataset, training_specs
from tools.demo_video.prompts import default_background, plain_prompt, varied_prompt
from tools.demo_video.world import Clip, ClipSpec

IMAGE_MODEL = Path(__file__).parents[2] / "models" / "demo-image"
ALL_SPECS = world.all_specs()
RED_BALL = ClipSpec("ball", "red", "right", "white")


def drawn(spec: ClipSpec, seed: int = 1) -> Clip:
    return world.draw(spec, random.Random(seed))


@pytest.mark.parametrize("spec", ALL_SPECS[::61], ids=plain_prompt)
def test_the_scorer_finds_everything_right_in_a_true_clip(spec: ClipSpec) -> None:
    assert all(scorer.score(spec, drawn(spec)).values())


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        (replace(RED_BALL, shape="triangle"), "shape"),
        (replace(RED_BALL, color="pink"), "color"),
        (replace(RED_BALL, background="yellow"), "background"),
        (replace(RED_BALL, direction="left"), "motion"),
        (replace(RED_BALL, direction="up"), "motion"),
    ],
)
def test_the_scorer_names_the_one_thing_that_is_wrong(shown: ClipSpec, wrong: str) -> None:
    answers = scorer.score(RED_BALL, drawn(shown))
    assert [name for name, right in answers.items() if not right] == [wrong]


@pytest.mark.parametrize("direction", world.DIRECTIONS)
def test_the_scorer_distinguishes_all_directions(direction: str) -> None:
    spec = replace(RED_BALL, direction=direction)
    assert scorer.direction_name(scorer.look(drawn(spec))) == direction
    opposite = {"left": "right", "right": "left", "up": "down", "down": "up"}[direction]
    assert scorer.direction_name(scorer.look(drawn(spec)[::-1])) == opposite


def test_a_shape_that_stands_still_or_jumps_about_does_not_move_right() -> None:
    clip = drawn(RED_BALL)
    still = np.repeat(clip[8:9], len(clip), axis=0)
    shuffled = clip[[0, 9, 3, 12, 6, 1, 14, 4, 10, 2, 13, 7, 5, 11, 8, 15]]
    assert scorer.direction_name(scorer.look(still)) == ""
    assert scorer.direction_name(scorer.look(shuffled)) == ""


def test_a_shape_that_moves_slantwise_moves_in_no_named_direction() -> None:
    clip = drawn(RED_BALL)
    slanted = np.stack([np.roll(pixels, 3 * frame - 22, axis=0) for frame, pixels in enumerate(clip)])
    assert scorer.direction_name(scorer.look(slanted)) == ""


def test_the_scorer_sees_two_shapes_where_one_was_requested() -> None:
    one, other = drawn(RED_BALL), drawn(replace(RED_BALL, direction="left"))
    assert not scorer.score(RED_BALL, np.minimum(one[:4], np.roll(other[:4], 20, axis=1)))["count"]


def test_an_empty_clip_and_noise_are_never_right() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (4, 128, 128, 3), dtype=np.uint8)
    for clip in (noise, np.full_like(noise, 250)):
        assert not any(all(scorer.score(spec, clip).values()) for spec in ALL_SPECS[::173])


def test_a_clip_starts_at_the_side_that_the_shape_comes_from() -> None:
    for direction, (dx, dy) in world.DIRECTIONS.items():
        path = world.place_shape(replace(RED_BALL, direction=direction), random.Random(1)).path
        middle = world.CANVAS_PX / 2
        start, end = ((x - middle) * dx + (y - middle) * dy for x, y in (path[0], path[-1]))
        assert start < -25 < 25 < end
        assert len(path) == world.FRAMES


def test_a_shape_never_touches_the_border() -> None:
    for seed, spec in enumerate(ALL_SPECS[::41]):
        clip = drawn(spec, seed).astype(int)
        assert np.ptp(clip[:, 0], axis=1).max() == np.ptp(clip[:, :, -1], axis=1).max() == 0


def test_held_out_and_training_specs_share_no_prompt() -> None:
    held_out = {plain_prompt(spec) for spec in ALL_SPECS if world.is_held_out(spec)}
    trained = {plain_prompt(spec) for spec in training_specs()}
    assert 0.08 * len(ALL_SPECS) < len(held_out) < 0.13 * len(ALL_SPECS)
    assert held_out.isdisjoint(trained)
    assert len(held_out | trained) == len(ALL_SPECS)


def test_every_word_is_held_out_somewhere_and_trained_somewhere() -> None:
    for held_out in (True, False):
        specs = [spec for spec in ALL_SPECS if world.is_held_out(spec) is held_out]
        assert {(spec.shape, spec.direction) for spec in specs} == {
            (shape, direction) for shape in world.SHAPES for direction in world.DIRECTIONS
        }
        assert {spec.color for spec in specs} == {spec.background for spec in specs} == set(COLORS)


def test_training_never_draws_a_held_out_prompt() -> None:
    batch = Dataset(3, training_specs(), masks_each=1).batch(400)
    held_out = {plain_prompt(spec) for spec in ALL_SPECS if world.is_held_out(spec)}
    assert batch.thumbs.shape == (400, 16, 3, 16, 16)
    assert -1 <= batch.thumbs.min() < batch.thumbs.max() <= 1
    assert batch.centres.shape == (400, 16, 2)
    assert held_out.isdisjoint(batch.prompts)


def test_a_prompt_without_a_background_means_the_default_one() -> None:
    rng = random.Random(4)
    for spec in ALL_SPECS:
        prompt = varied_prompt(spec, rng)
        assert f" {spec.direction}" in prompt
        assert spec.background in prompt or spec.background == default_background(spec.color)


def test_each_word_of_a_plain_prompt_is_one_token_of_the_shared_tokenizer() -> None:
    vocabulary = json.loads((IMAGE_MODEL / "tokenizer" / "vocab.json").read_text(encoding="utf-8"))
    words = {word for spec in ALL_SPECS for word in plain_prompt(spec).split()}
    assert {word for word in words if f"{word}</w>" not in vocabulary} == set()
    assert plain_prompt(ClipSpec("ball", "orange", "up", "black")) == "an orange ball moving up on a black background"
