"""Keyword arguments to the contract's message."""

import pytest

from atelier.image.v1 import image_pb2
from atelier.type.v1 import type_pb2
from atelier_client.parameters import to_message


def test_what_is_given_is_set_and_what_is_not_stays_unset() -> None:
    message = to_message(
        "a red circle", {"steps": 20, "seed": 0, "guidance_scale": 7, "scheduler": "ddim", "metadata": {"a": "b"}}
    )
    assert message.prompt == "a red circle"
    assert (message.steps, message.seed, message.guidance_scale) == (20, 0, 7.0)
    assert message.scheduler == type_pb2.DDIM
    assert dict(message.metadata) == {"a": "b"}
    assert message.HasField("seed")
    assert not message.HasField("width_px")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("width", "width_px"), ("step", "steps"), ("guidance", "guidance_scale"), ("negativ_prompt", "negative_prompt")],
)
def test_an_unknown_parameter_is_refused_naming_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(TypeError, match=f"unknown parameter '{name}'; did you mean '{meant}'"):
        to_message("x", {name: 1})


def test_a_parameter_like_no_other_is_refused_naming_all() -> None:
    with pytest.raises(TypeError, match=r"unknown parameter 'zzz'; there are prompt, .*metadata"):
        to_message("x", {"zzz": 1})


@pytest.mark.parametrize("written", ["DPMPP_2M", "dpmpp-2m", "DPM++ 2M"])
def test_a_scheduler_may_be_written_in_several_ways(written: str) -> None:
    assert to_message("x", {"scheduler": written}).scheduler == type_pb2.DPMPP_2M


def test_a_scheduler_that_does_not_exist_is_refused_naming_all() -> None:
    with pytest.raises(ValueError, match="scheduler: 'plms' is none of DDIM, EULER, EULER_ANCESTRAL, DPMPP_2M"):
        to_message("x", {"scheduler": "plms"})


@pytest.mark.parametrize(("name", "value"), [("steps", "20"), ("steps", True), ("steps", 1.5), ("metadata", {"a": 1})])
def test_a_value_of_another_type_is_refused_naming_the_field(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{name}: "):
        to_message("x", {name: value})


@pytest.mark.parametrize("value", [-1, 2**32])
def test_a_number_that_the_field_cannot_hold_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match=r"^seed: .* out of range"):
        to_message("x", {"seed": value})


def test_what_a_sampler_takes_is_set() -> None:
    message = to_message(
        "x",
        {
            "init_image": "a1", "mask": "a2", "denoise": 0.6, "add_noise": False, "sigmas": "sgm-uniform",
            "outputs": ("picture", "LATENT"), "wide_seed": 2**64 - 1,
        },
    )  # fmt: skip
    assert (message.init_image_asset_id, message.mask_asset_id, message.denoise) == ("a1", "a2", 0.6)
    assert message.HasField("add_noise")
    assert not message.add_noise
    assert list(message.outputs) == [image_pb2.PICTURE, image_pb2.LATENT]
    assert (message.sigmas, message.wide_seed) == (image_pb2.SGM_UNIFORM, 2**64 - 1)


def test_one_output_needs_no_list() -> None:
    assert list(to_message("x", {"outputs": "latent"}).outputs) == [image_pb2.LATENT]


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("outputs", ["CLIP"], ValueError),
        ("outputs", [1.5], TypeError),
        ("add_noise", 1, TypeError),
        ("add_noise", "no", TypeError),
        ("denoise", "half", TypeError),
        ("wide_seed", 2**64, ValueError),
    ],
)
def test_what_a_sampler_cannot_take_is_refused_naming_the_field(
    name: str, value: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match=f"^{name}: "):
        to_message("x", {name: value})


@pytest.mark.parametrize(
    ("name", "meant"), [("image", "init_image"), ("strength", "denoise"), ("latent", "init_latent")]
)
def test_names_of_other_tools_lead_to_those_of_a_sampler(name: str, meant: str) -> None:
    with pytest.raises(TypeError, match=f"did you mean '{meant}'"):
        to_message("x", {name: "a1"})
