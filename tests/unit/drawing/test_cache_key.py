"""Equal keys mean equal pictures."""

from dataclasses import replace
from typing import Any

import pytest

from atelier_drawing.domain.cache_key import cache_key
from atelier_image.domain.parameters import AskedImage, resolve
from atelier_models.domain.model_view import Engine
from tests.unit.models.cards import DEMO

PARAMETERS = resolve(AskedImage(prompt="a cat", seed=1), DEMO, lambda: 7)
ENGINE = Engine("r1", "torch 2.13")


def test_labels_are_no_part_of_a_picture() -> None:
    labelled = replace(PARAMETERS, metadata={"project": "cats"})
    assert cache_key(labelled, ENGINE) == cache_key(PARAMETERS, ENGINE)


@pytest.mark.parametrize(("field", "other"), [
    ("prompt", "a dog"), ("negative_prompt", "a dog"), ("model", "hub"), ("width_px", 64), ("height_px", 64),
    ("steps", 19), ("guidance_scale", 3.5), ("seed", 2), ("scheduler", "EULER"), ("count", 2),
    ("output_format", "JPEG"),
])  # fmt: skip
def test_every_other_parameter_is_part_of_it(field: str, other: Any) -> None:
    assert cache_key(replace(PARAMETERS, **{field: other}), ENGINE) != cache_key(PARAMETERS, ENGINE)


def test_other_weights_and_other_libraries_draw_other_pictures() -> None:
    keys = {cache_key(PARAMETERS, engine) for engine in (ENGINE, Engine("r2", "torch 2.13"), Engine("r1", "torch 3"))}
    assert len(keys) == 3
