"""Models that something is wrong with: each says what it is, in a sentence, before it draws anything wrong."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.model.small_models import (
    animate_diff,
    cogvideox_from_a_picture,
    ltx,
    stable_diffusion,
    stable_diffusion_xl,
    text_config,
    text_to_video,
)
from tests.model.test_engine_families import engine_on

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.engine.video_engine import VideoEngine
from atelier_diffusion.policy.errors import EngineError, ModelLoadError
from atelier_diffusion.policy.model_card import ModelCard, ModelDefaults
from atelier_diffusion.policy.model_source import ModelSource
from atelier_diffusion.policy.request import ImageRequest, VideoRequest
from atelier_diffusion.torch_backend.local_engine import open_video_engine

REQUEST = ImageRequest("a green star", "", 64, 64, 1, 1.0, 3, "EULER")
Family = Callable[[Path], Any]


@pytest.fixture(scope="module")
def demo(engine: ImageEngine, demo_catalogue: Catalogue) -> Path:
    """`engine` has imported torch already."""
    folder = demo_catalogue.default.folder
    assert folder is not None
    return folder


@pytest.fixture(scope="module")
def sound(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    stable_diffusion(demo).save_pretrained(folder)
    return folder


@pytest.fixture
def model(sound: Path, tmp_path: Path) -> Path:
    """A small Stable Diffusion that may be spoilt."""
    return Path(shutil.copytree(sound, tmp_path / "model"))


def refusal(folder: Path) -> ModelLoadError:
    with engine_on(folder) as opened, pytest.raises(ModelLoadError) as refused:
        opened.load("m")
    assert " /" not in refused.value.message  # no path leaks
    assert refused.value.message.count("\n") == 0
    return refused.value


def change_tensors(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, {"format": "pt"})


def weights_of(model: Path, part: str) -> Path:
    (file,) = (model / part).glob("*.safetensors")
    return file


PART_AND_TENSOR = [
    ("unet", "conv_in.bias"), ("vae", "decoder.conv_in.bias"), ("text_encoder", "final_layer_norm.bias"),
]  # fmt: skip


def named(file: Path, ending: str) -> str:
    """The tensor whose name ends so: libraries put prefixes before it."""
    from safetensors.torch import load_file

    return min((name for name in load_file(file) if name.endswith(ending)), key=len)


@pytest.mark.parametrize(("part", "ending"), PART_AND_TENSOR)
def test_a_tensor_that_is_missing_is_named(model: Path, part: str, ending: str) -> None:
    file = weights_of(model, part)
    name = named(file, ending)
    change_tensors(file, lambda tensors: tensors.pop(name))
    told = refusal(model)
    assert told.reason == "MODEL_LOAD_FAILED"
    assert told.message.startswith(f"{part} lacks the tensor ")
    assert ending in told.message


@pytest.mark.parametrize(("part", "ending"), PART_AND_TENSOR)
def test_a_tensor_of_another_shape_is_named(model: Path, part: str, ending: str) -> None:
    import torch

    file = weights_of(model, part)
    name = named(file, ending)
    change_tensors(file, lambda tensors: tensors.update({name: torch.zeros(tensors[name].numel() + 1)}))
    told = refusal(model)
    assert told.reason == "MODEL_LOAD_FAILED"
    assert told.message.startswith(f"{part} cannot be loaded: the tensor ")
    assert ending in told.message
    assert "its configuration says [" in told.message


@pytest.mark.parametrize(
    "name", ["model_index.json", "unet/config.json", "tokenizer/tokenizer.json", "scheduler/scheduler_config.json"]
)
@pytest.mark.parametrize("text", [b'{"a": ', b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_json_is_named(model: Path, name: str, text: bytes) -> None:
    (model / name).write_bytes(text)
    told = refusal(model)
    assert (told.reason, told.message) == ("MODEL_LOAD_FAILED", f"{name} is not JSON")


def test_text_encoder_and_network_of_different_models_do_not_draw(model: Path) -> None:
    from transformers import CLIPTextModel

    CLIPTextModel(text_config(48, 48)).save_pretrained(model / "text_encoder")
    told = refusal(model)
    assert told.reason == "MODEL_LOAD_FAILED"
    assert "unet reads prompts of 32 channels, the text encoders write 48" in told.message


@pytest.mark.parametrize("family", [stable_diffusion, stable_diffusion_xl])
def test_a_folder_with_half_precision_alone_is_loaded_without_configuration(
    demo: Path, tmp_path: Path, family: Family
) -> None:
    family(demo).save_pretrained(tmp_path, variant="fp16")
    assert not list(tmp_path.glob("unet/diffusion_pytorch_model.safetensors"))
    with engine_on(tmp_path) as opened:
        assert opened.generate(REQUEST)


def test_the_error_of_a_folder_with_several_variants_names_them(model: Path) -> None:
    file = weights_of(model, "unet")
    for variant in ("fp16", "non_ema"):
        shutil.copy(file, file.with_suffix(f".{variant}.safetensors"))
    file.unlink()
    told = refusal(model)
    assert told.message == "unet has no safetensors weights; it has the variants fp16, non_ema"


@pytest.mark.parametrize("in_a_folder", [True, False])
def test_the_error_of_a_single_file_names_the_remedy(tmp_path: Path, model: Path, in_a_folder: bool) -> None:
    file = tmp_path / "checkpoint" / "sd.safetensors"
    file.parent.mkdir()
    shutil.copy(weights_of(model, "unet"), file)
    told = refusal(file.parent if in_a_folder else file)
    assert told.reason == "MODEL_UNSUPPORTED"
    assert "from_single_file" in told.message


def videos_on(folder: Path, **options: Any) -> VideoEngine:
    defaults = ModelDefaults(64, 64, 2, 1.0, options.pop("scheduler", "EULER"), frames=2)
    source = ModelSource("path", str(folder))
    card = ModelCard("m", "M", source, "r", folder, defaults, kind="video", max_frames=1000, **options)
    return open_video_engine(Catalogue([card], "m"), device="cpu", threads=1)


def clip(**options: Any) -> VideoRequest:
    asked: dict[str, Any] = {
        "prompt": "a green star", "negative_prompt": "", "width_px": 64, "height_px": 64, "frames": 2, "steps": 1,
        "guidance_scale": 1.0, "seed": 0, "scheduler": "EULER",
    }  # fmt: skip
    return VideoRequest(**(asked | options))


@pytest.mark.parametrize(("family", "part"), [(text_to_video, "unet"), (ltx, "transformer"), (ltx, "text_encoder")])
def test_a_part_of_a_model_for_clips_that_is_incomplete_is_named(
    demo: Path, tmp_path: Path, family: Family, part: str
) -> None:
    family(demo).save_pretrained(tmp_path)
    change_tensors(weights_of(tmp_path, part), lambda tensors: tensors.pop(max(tensors)))
    with pytest.raises(ModelLoadError, match=f"{part} lacks the tensor ") as refused:
        videos_on(tmp_path).load("m")
    assert refused.value.reason == "MODEL_LOAD_FAILED"


def test_more_frames_than_the_motion_layers_know_are_refused_before_the_model_is_loaded(
    demo: Path, tmp_path: Path
) -> None:
    animate_diff(demo).save_pretrained(tmp_path)
    videos = videos_on(tmp_path)
    with pytest.raises(EngineError, match="at most 32 frames") as refused:
        videos.generate(clip(frames=40), on_frames=lambda _: True)
    assert refused.value.reason == "INVALID_FRAMES"
    assert videos.status("m").state == "UNLOADED"


def test_what_does_not_fit_together_in_the_first_step_is_a_request_that_cannot_be_drawn(
    demo: Path, tmp_path: Path
) -> None:
    import numpy as np

    cogvideox_from_a_picture(demo).save_pretrained(tmp_path)
    videos = videos_on(tmp_path, takes_first_frame=True, scheduler="DDIM")
    picture = np.zeros((72, 72, 3), np.uint8)
    with pytest.raises(EngineError) as refused:
        videos.generate(
            clip(width_px=72, height_px=72, scheduler="DDIM", first_frame=picture), on_frames=lambda _: True
        )
    assert refused.value.reason == "INVALID_REQUEST"
    assert refused.value.message.startswith("the model's pipeline refuses this: ")
