"""What is known, before it is loaded, of a model that its own pipeline draws with."""

from dataclasses import replace

import numpy as np
import pytest

from atelier_diffusion.policy.clip_memory import GIB
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.pipeline_call import PipelineCall
from atelier_diffusion.policy.pipeline_facts import PipelineFacts
from atelier_diffusion.policy.request import VideoRequest
from atelier_diffusion.policy.scheduler_choice import BETAS_SCHEDULERS

CALL = PipelineCall("P", frozenset({"prompt", "negative_prompt", "image"}), needs_image=False)
REQUEST = VideoRequest(
    prompt="", negative_prompt="", width_px=832, height_px=480, frames=81, steps=20, guidance_scale=5.0, seed=0,
    scheduler="DPMPP_2M",
)  # fmt: skip

# As in the configurations of Wan of 1.3 billion parameters.
TRANSFORMER = {"transformer": {"num_attention_heads": 12, "attention_head_dim": 128}, "vae": {"base_dim": 96}}
UNET = {"unet": {"block_out_channels": [320, 640, 1280, 1280], "attention_head_dim": 8}, "vae": {}}


def facts(scheduler: dict[str, object] | None = None, call: PipelineCall = CALL) -> PipelineFacts:
    return PipelineFacts.read(call, {**TRANSFORMER, "scheduler": scheduler or {}}, "DPMPP_2M", 2)


def refusal(known: PipelineFacts, request: VideoRequest) -> EngineError:
    with pytest.raises(EngineError) as refused:
        known.check(request)
    assert refused.value.reason == "INVALID_REQUEST"
    return refused.value


@pytest.mark.parametrize(
    ("scheduler", "own", "names"),
    [
        ({"_class_name": "FlowMatchEulerDiscreteScheduler"}, "EULER", ("EULER",)),
        ({"_class_name": "CogVideoXDDIMScheduler", "prediction_type": "v_prediction"}, "DDIM", ("DDIM",)),
        ({"_class_name": "EulerDiscreteScheduler", "prediction_type": "epsilon"}, "EULER", BETAS_SCHEDULERS),
        # One without a name here goes by that of the card's default.
        ({"_class_name": "UniPCMultistepScheduler", "prediction_type": "flow_prediction"}, "DPMPP_2M", ("DPMPP_2M",)),
        ({"_class_name": "PNDMScheduler", "prediction_type": "epsilon"}, "DPMPP_2M", BETAS_SCHEDULERS),
        ({}, "DPMPP_2M", ("DPMPP_2M",)),
    ],
)
def test_the_models_own_scheduler_has_a_name_and_others_may_take_its_place(
    scheduler: dict[str, object], own: str, names: tuple[str, ...]
) -> None:
    known = facts(scheduler)
    assert (known.own_scheduler, known.schedulers) == (own, names)
    for name in BETAS_SCHEDULERS:
        if name in names:
            known.check(replace(REQUEST, scheduler=name))
        else:
            assert f"not with {name}" in refusal(known, replace(REQUEST, scheduler=name)).message


def test_a_needed_picture_is_required() -> None:
    known = facts(call=replace(CALL, needs_image=True))
    assert refusal(known, REQUEST).message == "the model needs a first frame"
    known.check(replace(REQUEST, first_frame=np.zeros((480, 832, 3), np.uint8)))


def test_a_negative_prompt_is_never_left_out_in_silence() -> None:
    known = facts(call=replace(CALL, arguments=frozenset({"prompt"})))
    known.check(REQUEST)
    assert refusal(known, replace(REQUEST, negative_prompt="a boat")).message == "the model takes no negative prompt"


def test_usual_clips_take_some_gigabytes() -> None:
    assert 3 < facts().needed_bytes(REQUEST) / GIB < 16
    network = PipelineFacts.read(CALL, UNET, "DDIM", 2)
    assert 2 < network.needed_bytes(replace(REQUEST, width_px=512, height_px=512, frames=16)) / GIB < 8


def test_a_clip_takes_more_when_it_is_longer_larger_or_of_more_precision() -> None:
    usual = facts().needed_bytes(REQUEST)
    assert facts().needed_bytes(replace(REQUEST, frames=321)) > 3.5 * usual
    assert facts().needed_bytes(replace(REQUEST, width_px=1664, height_px=960)) > 1.5 * usual
    assert replace(facts(), number_bytes=4).needed_bytes(REQUEST) > 1.5 * usual


def test_what_no_configuration_declares_is_assumed_to_be_the_widest() -> None:
    unknown = PipelineFacts.read(CALL, {}, "EULER", 2)
    assert unknown.needed_bytes(REQUEST) > facts().needed_bytes(REQUEST)


def test_frames_of_the_finished_clip_leave_a_few_at_a_time() -> None:
    assert facts().frames_at_once(REQUEST, 0) == 4
    assert facts().frames_at_once(replace(REQUEST, frames=3), 0) == 3
