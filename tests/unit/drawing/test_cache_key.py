"""Equal keys mean equal pictures."""

from dataclasses import replace
from typing import Any

import pytest

from atelier_drawing.domain.result import cache_key
from atelier_image.domain.parameters import AskedImage, resolve
from atelier_models.domain.model_view import EngineVersion
from tests.unit.models.cards import DEMO

PARAMETERS = resolve(AskedImage(prompt="a cat", seed=1), DEMO, lambda: 7)
ENGINE = EngineVersion("r1", "torch 2.13")


def test_labels_are_no_part_of_a_picture() -> None:
    labelled = replace(PARAMETERS, metadata={"project": "cats"})
    assert cache_key(labelled, ENGINE) == cache_key(PARAMETERS, ENGINE)


@pytest.mark.parametrize("change", [
    {"prompt": "a dog"}, {"negative_prompt": "a dog"}, {"width_px": 64}, {"height_px": 64}, {"steps": 19},
    {"guidance_scale": 3.5}, {"seed": 2}, {"scheduler": "EULER"}, {"count": 2},
])  # fmt: skip
def test_every_other_parameter_is_part_of_it(change: dict[str, Any]) -> None:
    changed = replace(PARAMETERS, request=replace(PARAMETERS.request, **change))
    assert cache_key(changed, ENGINE) != cache_key(PARAMETERS, ENGINE)


@pytest.mark.parametrize("change", [{"model": "hub"}, {"output_format": "JPEG"}])
def test_so_are_the_model_and_the_format_of_the_file(change: dict[str, Any]) -> None:
    assert cache_key(replace(PARAMETERS, **change), ENGINE) != cache_key(PARAMETERS, ENGINE)


def test_a_key_of_the_first_version_finds_its_result_still() -> None:
    asked = AskedImage(prompt="Käse ☃", seed=1, guidance_scale=7, count=2, metadata={"a": "b"})
    key = cache_key(resolve(asked, DEMO, lambda: 7), ENGINE)
    assert key == "c3df247abe43bc4c6dc2a6740ecbe8132947f3e5f3963a0f76d213d5ce92e9ed"


def test_other_weights_and_other_libraries_draw_other_pictures() -> None:
    keys = {
        cache_key(PARAMETERS, engine)
        for engine in (ENGINE, EngineVersion("r2", "torch 2.13"), EngineVersion("r1", "torch 3"))
    }
    assert len(keys) == 3
