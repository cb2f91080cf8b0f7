"""Messages of the contract."""

import json
from dataclasses import replace

import pytest

from atelier.image.v1 import image_pb2
from atelier.jobs.v1 import job_pb2
from atelier_artifacts.domain.stored_files import Producer
from atelier_diffusion.policy.prompt_tokens import PromptTokens, TokenCount
from atelier_drawing.domain.result import Result, result_from
from atelier_image.api.image_messages import content_paths, image_message
from atelier_image.api.parameter_messages import asked_from, parameters_message
from atelier_image.domain.image import ImageFile, picture_of
from atelier_image.domain.inputs import Input
from atelier_image.domain.parameters import AskedImage, resolve
from atelier_image.worker.image_progress import denoising
from atelier_jobs.domain.job import Failure, Job
from atelier_jobs.domain.progress import FINISHED, NOT_BEGUN
from atelier_jobs.domain.states import State
from atelier_service.errors import NotFoundError
from tests.unit.models.cards import DEMO

PARAMETERS = resolve(AskedImage(prompt="a cat", metadata={"a": "b"}), DEMO, lambda: 7)
QUEUED = Job(
    id="0197", owner="ada", kind="image", state=State.QUEUED, revision=1, spec=PARAMETERS.to_bytes(), result=None,
    failure=None, attempt=0, faults=0, max_attempts=3, epoch=0, worker="", lease_until_us=0,
    progress=NOT_BEGUN, seq=1, traceparent=f"00-{'a' * 32}-{'b' * 16}-01", cached=False, create_us=1_000_000,
    queue_us=1_000_000, start_us=0, finish_us=0,
)  # fmt: skip
RESULT = Result(
    model_revision="r1",
    source=Producer("0197", 1),
    outputs=(
        ImageFile(
            index=0, seed=7, asset_id="a0", content_type="image/png", width_px=256, height_px=128, size_bytes=9,
            sha256="00",
        ),
    ),
)  # fmt: skip


def test_zero_is_not_absent() -> None:
    message = image_pb2.GenerationParameters(prompt="a cat", seed=0)
    assert asked_from(message).seed == 0
    assert asked_from(image_pb2.GenerationParameters(prompt="a cat")).seed is None


def test_unspecified_choices_are_absent() -> None:
    asked = asked_from(image_pb2.GenerationParameters(prompt="a cat"))
    assert (asked.scheduler, asked.output_format) == (None, None)


def test_the_echo_is_an_equal_request() -> None:
    echo = asked_from(parameters_message(PARAMETERS))
    assert resolve(echo, DEMO, lambda: 0) == PARAMETERS


def test_the_echo_of_a_sampler_is_an_equal_request() -> None:
    asked = AskedImage(
        prompt="a cat", wide_seed=2**64 - 1, inputs={"init_image": Input("a1", "00"), "mask": Input("a2", "11")},
        denoise=0.5, sigmas="KARRAS", outputs=("PICTURE", "LATENT"), add_noise=False,
    )  # fmt: skip
    parameters = resolve(asked, DEMO, lambda: 7)
    message = parameters_message(parameters)
    assert not message.HasField("seed")
    echo = asked_from(message)
    assert {name: each.asset_id for name, each in echo.inputs.items()} == {"init_image": "a1", "mask": "a2"}
    assert resolve(replace(echo, inputs=asked.inputs), DEMO, lambda: 0) == parameters


def test_a_latent_is_distinguished_from_pictures_and_is_read_as_an_asset() -> None:
    (picture,) = RESULT.outputs
    latent = replace(picture, kind="LATENT", asset_id="a9", content_type="application/vnd.safetensors", wide_seed=2**63)
    data = replace(RESULT, outputs=(latent, picture)).to_bytes()
    image = image_message(replace(QUEUED, state=State.SUCCEEDED, result=data))
    assert [output.kind for output in image.outputs] == [image_pb2.LATENT, image_pb2.PICTURE]
    assert image.outputs[0].content_url == "/api/v1/assets/a9/content"
    assert (image.outputs[0].wide_seed, image.outputs[1].HasField("wide_seed")) == (2**63, False)
    assert picture_of(data, 0) == picture
    with pytest.raises(NotFoundError):
        picture_of(data, 1)


def test_a_result_of_an_earlier_version_has_pictures_only() -> None:
    earlier = json.loads(RESULT.to_bytes())
    for output in earlier["outputs"]:
        del output["kind"], output["wide_seed"]
    made = replace(QUEUED, state=State.SUCCEEDED, result=json.dumps(earlier).encode())
    assert image_message(made).outputs[0].kind == image_pb2.PICTURE


def test_an_image_that_waits_has_times_and_paths_only_where_there_are_some() -> None:
    image = image_message(QUEUED)
    assert image.state == job_pb2.QUEUED
    assert image.create_time.seconds == 1
    assert not image.HasField("start_time")
    assert not image.HasField("finish_time")
    assert not image.HasField("error")
    assert image.trace_id == "a" * 32
    assert image.links.events == "/api/v1/images/0197/events"
    assert image.progress == image_pb2.ImageProgress()


def test_a_finished_image_has_the_urls_of_its_pictures() -> None:
    job = replace(QUEUED, state=State.SUCCEEDED, result=RESULT.to_bytes())
    image = image_message(job)
    assert image.model_revision == "r1"
    assert [output.content_url for output in image.outputs] == content_paths(job.id, RESULT.to_bytes())
    assert content_paths(job.id, RESULT.to_bytes()) == ["/api/v1/images/0197/content?index=0"]


def test_an_image_has_the_number_of_its_done_steps() -> None:
    job = replace(QUEUED, state=State.RUNNING, progress=denoising(3, 12))
    assert image_message(job).progress == image_pb2.ImageProgress(step=3, steps=12, fraction=0.25)
    from_the_cache = replace(QUEUED, state=State.SUCCEEDED, result=RESULT.to_bytes(), progress=FINISHED)
    assert image_message(from_the_cache).progress == image_pb2.ImageProgress(fraction=1.0)


def test_a_failed_image_has_its_reason() -> None:
    image = image_message(replace(QUEUED, state=State.FAILED, failure=Failure("MODEL_TOO_LARGE", "too large")))
    assert (image.error.reason, image.error.message) == ("MODEL_TOO_LARGE", "too large")


def test_a_result_is_stored_unchanged() -> None:
    assert result_from(RESULT.to_bytes(), ImageFile) == RESULT


def test_an_image_has_the_token_counts_of_its_prompts() -> None:
    tokens = PromptTokens(TokenCount(90, 77), TokenCount(77, 77))
    made = replace(QUEUED, state=State.SUCCEEDED, result=replace(RESULT, tokens=tokens).to_bytes())
    image = image_message(made)
    assert (image.prompt_tokens.tokens, image.prompt_tokens.limit, image.prompt_tokens.truncated) == (90, 77, True)
    assert not image.negative_prompt_tokens.truncated
    without = replace(RESULT, tokens=PromptTokens(TokenCount(5, 0), None)).to_bytes()
    image = image_message(replace(made, result=without))
    assert (image.prompt_tokens.truncated, image.HasField("negative_prompt_tokens")) == (False, False)


def test_a_result_of_an_earlier_version_has_no_tokens() -> None:
    earlier = json.loads(RESULT.to_bytes())
    del earlier["tokens"]
    made = replace(QUEUED, state=State.SUCCEEDED, result=json.dumps(earlier).encode())
    assert not image_message(made).HasField("prompt_tokens")
