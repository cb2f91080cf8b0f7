"""The engine draws clips by the call of any pipeline that takes the usual arguments; small random models."""

import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.model.small_models import animate_diff, cogvideox_from_a_picture, ltx, ltx_from_a_picture, text_to_video

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.denoising import StepReport
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.engine.model_store import ModelStatus
from atelier_diffusion.engine.results import Clip, FrameChunk, Frames
from atelier_diffusion.engine.video_engine import VideoEngine
from atelier_diffusion.policy.errors import CanceledError, EngineError, ModelLoadError
from atelier_diffusion.policy.model_card import ModelCard, ModelDefaults
from atelier_diffusion.policy.model_source import ModelSource
from atelier_diffusion.policy.noise_schedule import schedulers_of
from atelier_diffusion.policy.request import SchedulerName, VideoRequest
from atelier_diffusion.torch_backend.local_engine import open_video_engine

FAMILIES = {
    "animate-diff": animate_diff,
    "ltx": ltx,
    "ltx-picture": ltx_from_a_picture,
    "cogvideox-picture": cogvideox_from_a_picture,
    "text-to-video": text_to_video,
}
CALLED = ["animate-diff", "ltx", "ltx-picture", "cogvideox-picture"]
FROM_A_PICTURE = {"ltx-picture", "cogvideox-picture"}
PICTURE = np.random.default_rng(0).integers(0, 256, (96, 64, 3), np.uint8)
Folders = Callable[[str], Path]


@pytest.fixture(scope="module")
def folders(engine: ImageEngine, demo_catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Where the model of a family lies; `engine` has imported torch already."""
    demo = demo_catalogue.default.folder
    assert demo is not None
    made: dict[str, Path] = {}

    def folder(family: str) -> Path:
        if family not in made:
            made[family] = tmp_path_factory.mktemp(family)
            FAMILIES[family](demo).save_pretrained(made[family])
        return made[family]

    return folder


def own_scheduler(family: str) -> SchedulerName:
    return "DDIM" if family.startswith("cogvideox") else "EULER"


def card_of(family: str, folder: Path, **options: Any) -> ModelCard:
    defaults = ModelDefaults(64, 64, 2, 5.0, own_scheduler(family), frames=4)
    known: dict[str, Any] = {"kind": "video", "max_frames": 10_000, "takes_first_frame": family in FROM_A_PICTURE}
    return ModelCard(family, "M", ModelSource("path", str(folder)), "r", folder, defaults, **(known | options))


def request_for(family: str, **options: Any) -> VideoRequest:
    asked: dict[str, Any] = {
        "prompt": "a green star", "negative_prompt": "a boat", "width_px": 64, "height_px": 96, "frames": 6,
        "steps": 3, "guidance_scale": 5.0, "seed": 3, "scheduler": own_scheduler(family),
        "first_frame": PICTURE if family in FROM_A_PICTURE else None,
    }  # fmt: skip
    return VideoRequest(**(asked | options))


def opened(family: str, folder: Path, **options: Any) -> VideoEngine:
    listener = options.pop("listener", lambda _: None)
    catalogue = Catalogue([card_of(family, folder, **options)], family)
    return open_video_engine(catalogue, device="cpu", threads=1, listener=listener)


@pytest.fixture(scope="module")
def videos(folders: Folders) -> Iterator[VideoEngine]:
    catalogue = Catalogue([card_of(family, folders(family)) for family in CALLED], "ltx")
    engine = open_video_engine(catalogue, device="cpu", threads=1)
    yield engine
    engine.close()


def drawn(
    videos: VideoEngine, family: str, on_step: Callable[[StepReport], bool] = lambda _: True, **options: Any
) -> Frames:
    chunks: list[Frames] = []

    def keep(chunk: FrameChunk) -> bool:
        assert chunk.first_index == sum(map(len, chunks))
        chunks.append(chunk.pixels)
        return True

    request = request_for(family, **options)
    clip = videos.generate(request, family, on_step=on_step, on_frames=keep)
    assert clip == Clip(request.seed, request.frames, family, "r")
    return np.concatenate(chunks)


def refusal(videos: VideoEngine, family: str, **options: Any) -> EngineError:
    with pytest.raises(EngineError) as refused:
        drawn(videos, family, **options)
    return refused.value


def load_refusal(family: str, folder: Path, **options: Any) -> ModelLoadError:
    with pytest.raises(ModelLoadError) as refused:
        opened(family, folder, **options).load(family)
    assert " /" not in refused.value.message
    return refused.value


@pytest.mark.parametrize("family", CALLED)
@pytest.mark.parametrize("frames", [1, 6, 9])
def test_a_clip_has_the_requested_frames_and_size(videos: VideoEngine, family: str, frames: int) -> None:
    clip = drawn(videos, family, frames=frames)
    assert clip.shape == (frames, 96, 64, 3)
    assert clip.dtype == np.uint8
    assert clip.std() > 1


@pytest.mark.parametrize("family", CALLED)
def test_every_step_is_reported_and_none_has_a_preview(videos: VideoEngine, family: str) -> None:
    told: list[tuple[int, int, object]] = []

    def hear(report: StepReport) -> bool:
        told.append((report.step, report.steps, report.preview))
        return True

    drawn(videos, family, hear)
    assert told == [(step, 3, None) for step in range(4)]


@pytest.mark.parametrize("scheduler", schedulers_of("betas"))
def test_every_scheduler_counts_its_steps_and_gives_a_seed_the_same_clip(
    videos: VideoEngine, scheduler: SchedulerName
) -> None:
    told: list[int] = []

    def hear(report: StepReport) -> bool:
        told.append(report.step)
        return True

    clip = drawn(videos, "animate-diff", hear, scheduler=scheduler)
    assert told == [0, 1, 2, 3]
    assert np.array_equal(drawn(videos, "animate-diff", scheduler=scheduler), clip)
    assert not np.array_equal(drawn(videos, "animate-diff", scheduler=scheduler, seed=4), clip)


@pytest.mark.parametrize("family", CALLED)
@pytest.mark.parametrize("stop_at", range(3))
def test_a_stop_is_obeyed_at_every_step_and_leaves_nothing_behind(
    videos: VideoEngine, family: str, stop_at: int
) -> None:
    before = drawn(videos, family)
    told: list[int] = []

    def hear(report: StepReport) -> bool:
        told.append(report.step)
        return report.step < stop_at

    with pytest.raises(CanceledError):
        drawn(videos, family, hear)
    assert told == list(range(stop_at + 1))
    assert np.array_equal(drawn(videos, family), before)


def test_a_stop_is_obeyed_at_every_chunk_of_frames(videos: VideoEngine) -> None:
    firsts: list[int] = []

    def on_frames(chunk: FrameChunk) -> bool:
        firsts.append(chunk.first_index)
        return len(firsts) < 2

    with pytest.raises(CanceledError, match="frame 8 of 12"):
        videos.generate(request_for("ltx", frames=12, steps=1), on_frames=on_frames)
    assert firsts == [0, 4]


@pytest.mark.parametrize("family", CALLED)
def test_a_seed_gives_the_same_clip_to_the_bit_and_another_one_another(videos: VideoEngine, family: str) -> None:
    assert np.array_equal(drawn(videos, family), drawn(videos, family))
    assert not np.array_equal(drawn(videos, family), drawn(videos, family, seed=4))


@pytest.mark.parametrize("family", CALLED)
def test_loading_and_drawing_print_nothing(videos: VideoEngine, family: str, capfd: pytest.CaptureFixture[str]) -> None:
    videos.unload(family)
    drawn(videos, family, prompt="a green star " * 200)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("family", CALLED)
def test_a_warm_engine_is_ready(videos: VideoEngine, family: str) -> None:
    assert videos.warm_up(family).state == "READY"


@pytest.mark.parametrize("family", CALLED)
def test_half_precision_draws_too(folders: Folders, family: str) -> None:
    half = opened(family, folders(family), dtype="bfloat16")
    assert drawn(half, family).shape == (6, 96, 64, 3)


@pytest.mark.parametrize("family", sorted(FROM_A_PICTURE))
def test_a_first_frame_decides_what_the_clip_becomes(videos: VideoEngine, family: str) -> None:
    grey = np.full_like(PICTURE, 128)
    assert not np.array_equal(drawn(videos, family), drawn(videos, family, first_frame=grey))


@pytest.mark.parametrize("family", sorted(FROM_A_PICTURE))
def test_a_model_that_needs_a_first_frame_is_an_error_without_one(videos: VideoEngine, family: str) -> None:
    told = refusal(videos, family, first_frame=None)
    assert told.reason == "INVALID_REQUEST"
    assert "a first frame" in told.message


@pytest.mark.parametrize("family", ["ltx", "animate-diff"])
def test_a_first_frame_for_a_model_without_one_is_an_error(videos: VideoEngine, family: str) -> None:
    told = refusal(videos, family, first_frame=PICTURE)
    assert (told.reason, told.message) == ("INVALID_REQUEST", f"model {family} takes no first frame")


def test_a_catalogue_that_promises_a_first_frame_in_vain_is_refused(folders: Folders) -> None:
    for family in ("ltx", "text-to-video"):
        told = load_refusal(family, folders(family), takes_first_frame=True)
        assert told.reason == "MODEL_UNSUPPORTED"
        assert told.message.endswith("takes no picture; its catalogue entry says takes_first_frame: true")


def test_a_catalogue_that_leaves_out_a_picture_that_is_needed_is_refused(folders: Folders) -> None:
    told = load_refusal("cogvideox-picture", folders("cogvideox-picture"), takes_first_frame=False)
    assert told.reason == "MODEL_UNSUPPORTED"
    assert told.message.endswith("needs a picture; its catalogue entry must say takes_first_frame: true")


def test_a_scheduler_that_can_take_the_place_of_the_models_own_draws(videos: VideoEngine) -> None:
    own, other = drawn(videos, "animate-diff"), drawn(videos, "animate-diff", scheduler="DDIM")
    assert not np.array_equal(own, other)
    assert np.array_equal(drawn(videos, "animate-diff"), own)


@pytest.mark.parametrize("family", ["ltx", "cogvideox-picture"])
def test_a_scheduler_that_the_model_cannot_draw_with_is_refused_before_it_is_loaded(
    folders: Folders, family: str
) -> None:
    heard: list[ModelStatus] = []
    videos = opened(family, folders(family), listener=heard.append)
    told = refusal(videos, family, scheduler="DPMPP_2M")
    assert told.reason == "INVALID_REQUEST"
    assert "only, not with DPMPP_2M" in told.message
    assert [status.state for status in heard] == ["LOADING", "UNLOADED"]


def test_the_error_of_a_pipeline_has_its_message(videos: VideoEngine) -> None:
    told = refusal(videos, "ltx", height_px=40)
    assert told.reason == "INVALID_REQUEST"
    assert "divisible by 32" in told.message


def test_a_clip_that_cannot_fit_is_refused_before_the_model_is_loaded(folders: Folders) -> None:
    heard: list[ModelStatus] = []
    videos = opened("ltx", folders("ltx"), listener=heard.append)
    told = refusal(videos, "ltx", width_px=1024, height_px=1024, frames=10_000)
    assert told.reason == "CLIP_TOO_LARGE"
    assert [status.state for status in heard] == ["LOADING", "UNLOADED"]


def test_numbers_that_overflowed_are_no_clip(folders: Folders, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    folder = copied(folders("ltx"), tmp_path)
    file = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    save_file({name: torch.full_like(tensor, float("nan")) for name, tensor in load_file(file).items()}, file)
    told: list[int] = []

    def hear(report: StepReport) -> bool:
        told.append(report.step)
        return True

    assert refusal(opened("ltx", folder), "ltx", on_step=hear).reason == "NUMERICAL_FAILURE"
    assert told == [0]


@pytest.mark.parametrize("part", ["transformer", "text_encoder", "vae"])
def test_pickled_weights_are_refused_and_never_opened(folders: Folders, tmp_path: Path, part: str) -> None:
    folder = copied(folders("ltx"), tmp_path)
    (weights,) = (folder / part).glob("*.safetensors")
    weights.unlink()
    weights.with_suffix(".bin").write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    assert load_refusal("ltx", folder).reason == "MODEL_UNSAFE_FORMAT"
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("pipeline", "why"),
    [
        ("LattePipeline", "its call takes no num_frames"),
        ("StableVideoDiffusionPipeline", "its call takes no prompt"),
        ("I2VGenXLPipeline", "its call takes no callback_on_step_end"),
        ("LucyEditPipeline", "needs what no request has: video"),
        ("FluxPipeline", "its call takes no num_frames"),
        ("NoSuchPipeline", "has no pipeline NoSuchPipeline"),
        ("AutoencoderKL", "has no pipeline AutoencoderKL"),
        (["pipeline_of_ours", "LTXPipeline"], "brings a pipeline of its own"),
    ],
)
def test_a_pipeline_that_cannot_be_called_so_is_unsupported_and_it_is_said_why(
    folders: Folders, tmp_path: Path, pipeline: object, why: str
) -> None:
    folder = copied(folders("ltx"), tmp_path)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "_class_name": pipeline}))
    told = load_refusal("ltx", folder)
    assert told.reason == "MODEL_UNSUPPORTED"
    assert why in told.message


def test_code_that_a_model_brings_for_a_part_is_not_run(folders: Folders, tmp_path: Path) -> None:
    folder = copied(folders("ltx"), tmp_path)
    index = json.loads((folder / "model_index.json").read_text())
    index["transformer"] = ["ours", "Ours"]
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "transformer" / "ours.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Ours: ...\n")
    assert load_refusal("ltx", folder).reason == "MODEL_LOAD_FAILED"
    assert not (tmp_path / "ran").exists()


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Path.touch, (self.target,))


def copied(folder: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return shutil.copytree(folder, tmp_path / "copy")
