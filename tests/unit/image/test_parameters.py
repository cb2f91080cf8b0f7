"""What is left out is filled in; what is sent stays."""

from dataclasses import asdict, replace

import pytest

from atelier_diffusion.policy.request import ImageRequest
from atelier_image.domain.parameters import AskedImage, ImageParameters, resolve
from atelier_service.errors import InvalidArgumentError
from tests.unit.models.cards import DEMO


def no_seed() -> int:
    raise AssertionError("nobody may draw a seed")


def test_everything_left_out_comes_from_the_card() -> None:
    resolved = resolve(AskedImage(prompt="a cat"), DEMO, lambda: 7)
    request = ImageRequest(
        prompt="a cat", negative_prompt="", width_px=256, height_px=128, steps=20, guidance_scale=3.0, seed=7,
        scheduler="DDIM", count=1,
    )  # fmt: skip
    assert resolved == ImageParameters(model="demo", request=request, output_format="PNG", metadata={})


def test_a_seed_of_zero_is_a_seed() -> None:
    assert resolve(AskedImage(prompt="a cat", seed=0), DEMO, no_seed).request.seed == 0


def test_what_is_sent_stays() -> None:
    asked = AskedImage(
        prompt="a cat", negative_prompt="a dog", model="demo", width_px=64, height_px=96, steps=1, guidance_scale=1.0,
        seed=4294967295, scheduler="EULER", count=8, output_format="WEBP", metadata={"project": "cats"},
    )  # fmt: skip
    resolved = resolve(asked, DEMO, no_seed)
    stays = {**resolved.drawn(), "metadata": resolved.metadata}
    assert {name: asdict(asked)[name] for name in stays} == stays


def test_the_echo_resolves_to_itself() -> None:
    first = resolve(AskedImage(prompt="a cat"), DEMO, lambda: 7)
    echo = AskedImage(**first.drawn(), metadata=first.metadata)
    assert resolve(echo, DEMO, no_seed) == first


@pytest.mark.parametrize(("width_px", "height_px", "wrong"), [
    (72, 64, ["width_px"]), (64, 544, ["height_px"]), (72, 1024, ["width_px", "height_px"]),
])  # fmt: skip
def test_each_wrong_side_is_named(width_px: int, height_px: int, wrong: list[str]) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        resolve(AskedImage(prompt="a cat", width_px=width_px, height_px=height_px), DEMO, lambda: 7)
    assert [violation.field for violation in caught.value.fields] == wrong


def test_a_job_keeps_its_parameters() -> None:
    resolved = resolve(AskedImage(prompt="Käse ☃", guidance_scale=7.25, metadata={"a": "b"}), DEMO, lambda: 7)
    assert ImageParameters.from_bytes(resolved.to_bytes()) == resolved


def test_the_stored_form_is_that_of_the_first_version() -> None:
    asked = AskedImage(prompt="Käse ☃", seed=1, guidance_scale=7, count=2, metadata={"a": "b"})
    stored = (
        '{"count": 2, "guidance_scale": 7.0, "height_px": 128, "metadata": {"a": "b"}, "model": "demo",'
        ' "negative_prompt": "", "output_format": "PNG", "prompt": "Käse ☃", "scheduler": "DDIM", "seed": 1,'
        ' "steps": 20, "width_px": 256}'
    )
    assert resolve(asked, DEMO, no_seed).to_bytes().decode() == stored


def test_the_request_of_the_engine_has_the_same_parameters() -> None:
    request = resolve(AskedImage(prompt="a cat", count=3, seed=4294967295), DEMO, no_seed).request
    assert request.seeds == (4294967295, 0, 1)
    assert (request.prompt, request.width_px, request.height_px, request.scheduler) == ("a cat", 256, 128, "DDIM")


def test_a_scheduler_that_the_model_cannot_be_drawn_with_is_refused_at_once() -> None:
    card = replace(DEMO, schedulers=("LCM",))
    with pytest.raises(InvalidArgumentError, match="the model demo draws with LCM only") as refused:
        resolve(AskedImage(prompt="a cat", scheduler="EULER"), card, lambda: 7)
    assert (refused.value.reason, refused.value.fields[0].field) == ("INVALID_SCHEDULER", "scheduler")
    assert resolve(AskedImage(prompt="a cat", scheduler="LCM"), card, lambda: 7).request.scheduler == "LCM"


def test_the_cost_of_a_job_grows_with_pixels_steps_and_pictures() -> None:
    card = replace(DEMO, max_size_px=512)
    one = AskedImage(prompt="a cat", width_px=512, height_px=512, steps=20)
    assert resolve(one, card, lambda: 7).cost == 1.0
    assert resolve(replace(one, width_px=256, steps=40, count=3), card, lambda: 7).cost == 3.0
