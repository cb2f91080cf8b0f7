"""The engine draws clips, with a small random model in ModelScope's architecture."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.model.small_models import text_to_video

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.denoising import StepReport
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.engine.model_store import ModelStatus
from atelier_diffusion.engine.results import Clip, FrameChunk, Frames, Pixels
from atelier_diffusion.engine.video_engine import VideoEngine
from atelier_diffusion.policy.errors import CanceledError, EngineError, ModelLoadError
from atelier_diffusion.policy.model_card import ModelCard, ModelDefaults
from atelier_diffusion.policy.model_source import ModelSource
from atelier_diffusion.policy.request import SchedulerName, VideoRequest
from atelier_diffusion.policy.scheduler_choice import BETAS_SCHEDULERS
from atelier_diffusion.torch_backend.local_engine import open_video_engine

REQUEST = VideoRequest(
    prompt="a green star",
    negative_prompt="a boat",
    width_px=64,
    height_px=96,
    frames=5,
    steps=3,
    guidance_scale=5.0,
    seed=3,
    scheduler="EULER",
)


@pytest.fixture(scope="module")
def folder(engine: ImageEngine, demo_catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    demo = demo_catalogue.default.folder
    assert demo is not None
    saved = tmp_path_factory.mktemp("text-to-video")
    text_to_video(demo).save_pretrained(saved)
    return saved


@pytest.fixture(scope="module")
def pipe(folder: Path) -> Any:
    """The model as diffusers loads it."""
    from diffusers.pipelines.pipeline_utils import DiffusionPipeline

    loaded: Any = DiffusionPipeline.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def card_of(folder: Path) -> ModelCard:
    defaults = ModelDefaults(64, 64, 2, 5.0, "EULER", frames=4)
    source = ModelSource("path", str(folder))
    return ModelCard("m", "M", source, "r", folder, defaults, max_frames=10_000, kind="video")


@pytest.fixture(scope="module")
def videos(folder: Path) -> Iterator[VideoEngine]:
    opened = open_video_engine(Catalogue([card_of(folder)], "m"), device="cpu", threads=1)
    yield opened
    opened.close()


@pytest.fixture
def loop(folder: Path, videos: VideoEngine) -> Iterator[Any]:
    """The loop behind the engine; `videos` has imported torch already."""
    from atelier_diffusion.torch_backend.device import Device
    from atelier_diffusion.torch_backend.pipeline_store import DiffusersClipStore
    from atelier_diffusion.weights.hub import Hub
    from atelier_diffusion.weights.model_revisions import ModelRevisions

    loaded = DiffusersClipStore(Device.choose("cpu"), Hub(), ModelRevisions()).locate(card_of(folder)).load()
    yield loaded
    loaded.close()


def drawn(videos: VideoEngine, request: VideoRequest, on_step: Callable[[StepReport], bool] = lambda _: True) -> Frames:
    chunks: list[Frames] = []

    def keep(chunk: FrameChunk) -> bool:
        assert chunk.first_index == sum(map(len, chunks))
        chunks.append(chunk.pixels)
        return True

    clip = videos.generate(request, on_step=on_step, on_frames=keep)
    assert clip == Clip(request.seed, request.frames, "m", "r")
    return np.concatenate(chunks)


def drawn_by_diffusers(pipe: Any, request: VideoRequest) -> Frames:
    import torch

    from atelier_diffusion.torch_backend.noise_schedulers import new_scheduler

    own = pipe.scheduler
    pipe.scheduler = new_scheduler(request.scheduler, own, request.steps)
    pipe.scheduler.noise_sampler_seed = request.seed
    (frames,) = pipe(
        request.prompt,
        negative_prompt=request.negative_prompt,
        num_frames=request.frames,
        width=request.width_px,
        height=request.height_px,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(request.seed),
    ).frames
    pipe.scheduler = own
    pixels: Frames = (frames * 255).round().astype(np.uint8)
    return pixels


@pytest.mark.filterwarnings("ignore:Should have t[ab]")  # diffusers' Brownian tree rounds its bounds
@pytest.mark.parametrize("scheduler", BETAS_SCHEDULERS)
@pytest.mark.parametrize("guidance_scale", [1.0, 5.0])
def test_the_clip_is_the_pipelines_own(
    videos: VideoEngine, pipe: Any, scheduler: SchedulerName, guidance_scale: float
) -> None:
    request = replace(REQUEST, scheduler=scheduler, guidance_scale=guidance_scale)
    ours = drawn(videos, request)
    assert ours.shape == (5, 96, 64, 3)
    assert ours.dtype == np.uint8
    assert np.abs(ours.astype(int) - drawn_by_diffusers(pipe, request).astype(int)).max() <= 1


def test_a_pipeline_of_that_architecture_was_made_saved_and_loaded(folder: Path, pipe: Any) -> None:
    """The canary: it is deprecated upstream, and the day it is gone this and its fixtures say so first."""
    assert type(pipe).__name__ == "TextToVideoSDPipeline"
    assert type(pipe.unet).__name__ == "UNet3DConditionModel"
    assert list(folder.rglob("*.bin")) == []


def test_loading_prints_nothing(videos: VideoEngine, capfd: pytest.CaptureFixture[str]) -> None:
    videos.unload("m")
    videos.load("m")
    assert capfd.readouterr() == ("", "")


def test_the_same_request_gives_the_same_clip_to_the_bit_and_another_seed_another(videos: VideoEngine) -> None:
    assert np.array_equal(drawn(videos, REQUEST), drawn(videos, REQUEST))
    assert not np.array_equal(drawn(videos, REQUEST), drawn(videos, replace(REQUEST, seed=4)))


def test_the_frames_of_a_clip_differ(videos: VideoEngine) -> None:
    frames = drawn(videos, REQUEST)
    assert not any(np.array_equal(frames[k], frames[k + 1]) for k in range(4))


@pytest.mark.parametrize("at_once", [1, 2, 3, 4])
def test_frames_decoded_in_chunks_are_those_decoded_together(loop: Any, at_once: int) -> None:
    state = loop.prepare(REQUEST)
    while state.step < state.steps:
        loop.step([state])
    whole = loop.decode(state, 0, 5)
    chunks = [loop.decode(state, first, min(at_once, 5 - first)) for first in range(0, 5, at_once)]
    assert np.abs(np.concatenate(chunks).astype(int) - whole.astype(int)).max() <= 1


@pytest.mark.parametrize("stop_at", range(3))
def test_a_stop_is_obeyed_at_every_step(videos: VideoEngine, stop_at: int) -> None:
    told: list[int] = []
    chunks: list[FrameChunk] = []

    def on_frames(chunk: FrameChunk) -> bool:
        chunks.append(chunk)
        return True

    def on_step(report: StepReport) -> bool:
        told.append(report.step)
        return report.step < stop_at

    with pytest.raises(CanceledError):
        videos.generate(REQUEST, on_step=on_step, on_frames=on_frames)
    assert told == list(range(stop_at + 1))
    assert chunks == []


@pytest.mark.parametrize("stop_at", range(3))
def test_a_stop_is_obeyed_at_every_chunk_and_the_engine_draws_on(videos: VideoEngine, stop_at: int) -> None:
    firsts: list[int] = []

    def on_frames(chunk: FrameChunk) -> bool:
        firsts.append(chunk.first_index)
        return len(firsts) <= stop_at

    with pytest.raises(CanceledError):
        videos.generate(replace(REQUEST, frames=12, steps=1), on_frames=on_frames)
    assert firsts == [0, 4, 8][: stop_at + 1]
    assert len(drawn(videos, REQUEST)) == 5


def test_a_preview_shows_the_frame_in_the_middle(videos: VideoEngine) -> None:
    previews: list[Pixels] = []

    def keep(report: StepReport) -> bool:
        if report.preview is not None:
            previews.append(report.preview())
        return True

    frames = drawn(videos, REQUEST, keep)
    assert [preview.shape for preview in previews] == [(96, 64, 3)] * 3
    assert np.abs(previews[-1].astype(int) - frames[2].astype(int)).max() <= 2
    videos.generate(replace(REQUEST, width_px=256, steps=1), on_step=keep, on_frames=lambda _: True)
    assert max(previews[-1].shape[:2]) <= 128


def test_two_clips_may_share_their_steps(loop: Any, videos: VideoEngine) -> None:
    requests = REQUEST, replace(REQUEST, seed=9, guidance_scale=1.0, scheduler="DDIM")
    states = [loop.prepare(request) for request in requests]
    for _ in range(3):
        loop.step(states)
    for state, request in zip(states, requests, strict=True):
        alone = drawn(videos, request).astype(int)
        assert np.abs(loop.decode(state, 0, 5).astype(int) - alone).max() <= 2


def test_numbers_that_overflowed_are_no_clip(loop: Any) -> None:
    state = loop.prepare(REQUEST)
    state.latents = state.latents * float("nan")
    with pytest.raises(EngineError) as refused:
        loop.decode(state, 0, 1)
    assert refused.value.reason == "NUMERICAL_FAILURE"


def test_a_clip_that_cannot_fit_is_refused_before_the_model_is_loaded(folder: Path, videos: VideoEngine) -> None:
    heard: list[ModelStatus] = []
    opened = open_video_engine(Catalogue([card_of(folder)], "m"), device="cpu", threads=1, listener=heard.append)
    huge = replace(REQUEST, width_px=1024, height_px=1024, frames=10_000)
    with pytest.raises(EngineError, match=r"needs about \d+\.\d GiB, \d+\.\d GiB are free") as refused:
        opened.generate(huge, on_frames=lambda _: True)
    assert refused.value.reason == "CLIP_TOO_LARGE"
    assert [status.state for status in heard] == ["LOADING", "UNLOADED"]


def test_a_warm_engine_is_ready(videos: VideoEngine) -> None:
    assert videos.warm_up().state == "READY"


def test_a_model_of_another_kind_than_its_entry_is_refused(folder: Path, demo_catalogue: Catalogue) -> None:
    demo = demo_catalogue.default.folder
    assert demo is not None
    opened = open_video_engine(Catalogue([card_of(demo)], "m"), device="cpu", threads=1)
    with pytest.raises(ModelLoadError, match="is of kind image; its catalogue entry says video") as refused:
        opened.load("m")
    assert refused.value.reason == "MODEL_UNSUPPORTED"
