"""Whether a pipeline can draw clips is read from its call."""

from collections.abc import Callable
from typing import Any

import pytest

from atelier_diffusion.policy.errors import ModelLoadError
from atelier_diffusion.policy.pipeline_call import PipelineCall


def text(
    self: Any,
    prompt: Any = None,
    height: Any = 1,
    width: Any = 1,
    num_frames: Any = 1,
    num_inference_steps: Any = 1,
    guidance_scale: Any = 1,
    generator: Any = None,
    output_type: Any = "pil",
    callback_on_step_end: Any = None,
    **kwargs: Any,
) -> None:
    """From a prompt, as most are."""  # fmt: skip


def perhaps_picture(
    self: Any,
    prompt: Any,
    height: Any,
    width: Any,
    num_frames: Any,
    num_inference_steps: Any,
    generator: Any,
    output_type: Any,
    callback_on_step_end: Any,
    image: Any = None,
) -> None:
    """From a prompt and perhaps a picture."""  # fmt: skip


def picture(
    self: Any,
    image: Any,
    prompt: Any,
    height: Any,
    width: Any,
    num_frames: Any,
    num_inference_steps: Any,
    generator: Any,
    output_type: Any,
    callback_on_step_end: Any,
) -> None:
    """From a picture."""  # fmt: skip


def video(
    self: Any,
    video: Any,
    mask: Any,
    prompt: Any,
    height: Any,
    width: Any,
    num_frames: Any,
    num_inference_steps: Any,
    generator: Any,
    output_type: Any,
    callback_on_step_end: Any,
) -> None:
    """From a clip."""  # fmt: skip


def still(self: Any, prompt: Any, height: Any, width: Any, num_inference_steps: Any, generator: Any) -> None:
    """No clip."""


@pytest.mark.parametrize(
    ("call", "takes", "needs"), [(text, False, False), (perhaps_picture, True, False), (picture, True, True)]
)
def test_a_call_declares_whether_a_picture_is_accepted_and_required(
    call: Callable[..., None], takes: bool, needs: bool
) -> None:
    read = PipelineCall.read("P", call)
    assert (read.takes_image, read.needs_image) == (takes, needs)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (still, "pipeline P draws no clips: its call takes no num_frames, output_type, callback_on_step_end"),
        (video, "pipeline P needs what no request has: mask, video"),
    ],
)
def test_a_call_that_is_no_use_is_refused_with_its_reason(call: Callable[..., None], why: str) -> None:
    with pytest.raises(ModelLoadError) as refused:
        PipelineCall.read("P", call)
    assert (refused.value.reason, refused.value.message) == ("MODEL_UNSUPPORTED", why)


@pytest.mark.parametrize(
    ("call", "promised", "is_true"),
    [
        (text, True, False),
        (text, False, True),
        (perhaps_picture, True, True),
        (perhaps_picture, False, True),
        (picture, True, True),
        (picture, False, False),
    ],
)
def test_the_first_frame_in_the_catalogue_must_match_the_pipeline(
    call: Callable[..., None], promised: bool, is_true: bool
) -> None:
    read = PipelineCall.read("P", call)
    if is_true:
        read.check_card(promised)
        return
    with pytest.raises(ModelLoadError, match="takes_first_frame: true"):
        read.check_card(promised)
