"""What is left out is filled in; what neither the model nor the container can do is refused."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from atelier_diffusion.policy.request import VideoRequest
from atelier_media.clip_format import SIZE_STEPS_PX
from atelier_service.errors import InvalidArgumentError
from atelier_video.domain.parameters import AskedVideo, VideoParameters, resolve
from tests.unit.video.clip_job import CARD

GOES_ON_FROM_A_PICTURE = replace(CARD, takes_first_frame=True)


def no_seed() -> int:
    raise AssertionError("nobody may draw a seed")


def test_everything_left_out_comes_from_the_card() -> None:
    resolved = resolve(AskedVideo(prompt="a cat"), CARD, lambda: 7)
    request = VideoRequest(
        prompt="a cat", negative_prompt="", width_px=96, height_px=64, steps=4, guidance_scale=2.0, seed=7,
        scheduler="DDIM", frames=12,
    )  # fmt: skip
    assert resolved == VideoParameters(
        model="demo-clips", request=request, frame_rate_hz=8.0, drawn_rate_hz=8.0, first_frame_asset_id="",
        container="MP4", metadata={},
    )  # fmt: skip


def test_what_is_sent_stays() -> None:
    asked = AskedVideo(
        prompt="a cat", negative_prompt="a dog", model="demo-clips", width_px=64, height_px=96, frames=48,
        frame_rate_hz=29.97, steps=1, guidance_scale=1.0, seed=0, scheduler="EULER", first_frame_asset_id="a1",
        container="WEBM", metadata={"project": "cats"},
    )  # fmt: skip
    resolved = resolve(asked, GOES_ON_FROM_A_PICTURE, no_seed)
    assert {**resolved.drawn(), "metadata": resolved.metadata} == {**asdict(asked), "drawn_rate_hz": 8.0}


def test_the_echo_resolves_to_itself() -> None:
    first = resolve(AskedVideo(prompt="a cat", frame_rate_hz=25, container="GIF"), CARD, lambda: 7)
    values = first.drawn()
    del values["drawn_rate_hz"]  # the model's own
    echo = AskedVideo(**values, metadata=first.metadata)
    assert resolve(echo, CARD, no_seed) == first


@pytest.mark.parametrize(("asked", "reason", "field"), [
    ({"frames": 49}, "INVALID_FRAMES", "frames"),
    ({"frame_rate_hz": 50.1, "container": "GIF"}, "INVALID_FRAME_RATE", "frame_rate_hz"),
    ({"first_frame_asset_id": "a1"}, "FIRST_FRAME_NOT_TAKEN", "first_frame_asset_id"),
    ({"width_px": 72}, "INVALID_SIZE", "width_px"),
    ({"height_px": 288}, "INVALID_SIZE", "height_px"),
])  # fmt: skip
def test_what_cannot_be_is_refused_and_its_field_named(asked: dict[str, Any], reason: str, field: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        resolve(AskedVideo(prompt="a cat", **asked), CARD, lambda: 7)
    assert caught.value.reason == reason
    assert [violation.field for violation in caught.value.fields] == [field]


def test_only_a_gif_is_bound_to_50_frames_a_second() -> None:
    assert resolve(AskedVideo(prompt="a cat", frame_rate_hz=50, container="GIF"), CARD, lambda: 7).frame_rate_hz == 50
    assert resolve(AskedVideo(prompt="a cat", frame_rate_hz=240), CARD, lambda: 7).frame_rate_hz == 240


def test_a_gif_at_the_models_own_rate_is_bound_too() -> None:
    fast = replace(CARD, defaults=replace(CARD.defaults, frame_rate_hz=60))
    with pytest.raises(InvalidArgumentError):
        resolve(AskedVideo(prompt="a cat", container="GIF"), fast, lambda: 7)


def test_whatever_size_a_model_takes_fits_every_container() -> None:
    """The contract takes multiples of 8 only, and H.264 wants multiples of 2."""
    assert all(8 % step_px == 0 for step_px in SIZE_STEPS_PX.values())


def test_a_video_job_keeps_its_parameters() -> None:
    resolved = resolve(AskedVideo(prompt="Käse ☃", frame_rate_hz=29.97, metadata={"a": "b"}), CARD, lambda: 7)
    assert VideoParameters.from_bytes(resolved.to_bytes()) == resolved


def test_the_stored_form_of_a_video_is_that_of_the_first_version() -> None:
    asked = AskedVideo(prompt="a red ball", seed=3, frame_rate_hz=25, container="GIF")
    stored = (
        '{"container": "GIF", "drawn_rate_hz": 8.0, "first_frame_asset_id": "", "frame_rate_hz": 25.0, "frames": 12,'
        ' "guidance_scale": 2.0, "height_px": 64, "metadata": {}, "model": "demo-clips", "negative_prompt": "",'
        ' "prompt": "a red ball", "scheduler": "DDIM", "seed": 3, "steps": 4, "width_px": 96}'
    )
    assert resolve(asked, CARD, no_seed).to_bytes().decode() == stored


def test_a_first_frame_is_no_part_of_the_stored_form() -> None:
    parameters = resolve(AskedVideo(prompt="a cat"), CARD, lambda: 7)
    picture = np.zeros((64, 96, 3), np.uint8)
    begun = replace(parameters, request=replace(parameters.request, first_frame=picture))
    assert begun.to_bytes() == parameters.to_bytes()


def test_the_request_of_the_video_engine_has_the_same_parameters() -> None:
    request = resolve(AskedVideo(prompt="a cat", seed=4294967295), CARD, no_seed).request
    assert (request.prompt, request.width_px, request.height_px, request.frames) == ("a cat", 96, 64, 12)
    assert (request.steps, request.guidance_scale, request.seed, request.scheduler) == (4, 2.0, 4294967295, "DDIM")


def test_the_cost_of_a_video_grows_with_its_frames() -> None:
    short, long = (resolve(AskedVideo(prompt="a cat", frames=frames), CARD, lambda: 7).cost for frames in (12, 48))
    assert long == 4 * short > 0
