"""A model's folder, looked at before it is loaded."""

import json
from pathlib import Path

import pytest
from tests.unit.diffusion.model_files import write_model, write_safetensors

from atelier_diffusion.policy.errors import ModelLoadError
from atelier_diffusion.weights.model_folder import ModelFolder


def refusal(folder: Path, variant: str = "") -> ModelLoadError:
    with pytest.raises(ModelLoadError) as refused:
        ModelFolder(folder, variant).check()
    assert str(folder) not in refused.value.message
    return refused.value


def test_weights_are_counted_in_the_precision_they_will_have(tmp_path: Path) -> None:
    folder = ModelFolder(write_model(tmp_path / "m"))
    assert folder.needed_bytes("float32") == 111 * 4 + 2 * 8
    assert folder.needed_bytes("bfloat16") == 111 * 2 + 2 * 8


def test_shards_are_read_through_their_index(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    unet = folder / "unet"
    (unet / "diffusion_pytorch_model.safetensors").unlink()
    names = [f"diffusion_pytorch_model-0000{k}-of-00002.safetensors" for k in (1, 2)]
    for name in names:
        write_safetensors(unet / name, {"w": ("F32", [50])})
    index = {"weight_map": dict(zip(("a", "b"), names, strict=True))}
    (unet / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    assert ModelFolder(folder).needed_bytes("float32") == 111 * 4 + 2 * 8

    (unet / names[1]).unlink()
    assert refusal(folder).reason == "MODEL_LOAD_FAILED"


def test_a_shard_outside_the_model_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    index = {"weight_map": {"a": "../vae/diffusion_pytorch_model.safetensors"}}
    (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    assert refusal(folder).reason == "MODEL_LOAD_FAILED"


def test_a_variant_is_the_only_one_read(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    assert refusal(folder, "fp16").reason == "MODEL_LOAD_FAILED"
    for file in folder.rglob("*.safetensors"):
        file.rename(file.with_suffix(".fp16.safetensors"))
    assert len(ModelFolder(folder, "fp16").weight_files) == 3


def test_a_missing_folder_is_not_found(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none").reason == "MODEL_NOT_FOUND"


def test_a_folder_that_holds_no_model_is_not_found(tmp_path: Path) -> None:
    assert refusal(tmp_path).reason == "MODEL_NOT_FOUND"


def test_a_single_checkpoint_file_is_unsafe(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt").write_bytes(b"\x80\x04")
    assert refusal(tmp_path).reason == "MODEL_UNSAFE_FORMAT"


def test_pickled_weights_are_unsafe(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(folder / "unet" / "diffusion_pytorch_model.bin")
    assert refusal(folder).reason == "MODEL_UNSAFE_FORMAT"


def test_pickles_beside_safetensors_do_no_harm(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04")
    ModelFolder(folder).check()


def test_another_pipeline_is_unsupported(tmp_path: Path) -> None:
    assert refusal(write_model(tmp_path / "m", "FluxPipeline")).reason == "MODEL_UNSUPPORTED"


@pytest.mark.parametrize("cut", [4, 40, -1])
def test_a_file_that_is_cut_short_is_noticed_without_loading(tmp_path: Path, cut: int) -> None:
    folder = write_model(tmp_path / "m")
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(ModelLoadError) as refused:
        ModelFolder(folder).needed_bytes("float32")
    assert refused.value.reason == "MODEL_LOAD_FAILED"


def test_an_index_that_is_no_json_is_said_so(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    (folder / "model_index.json").write_text("{")
    assert refusal(folder).reason == "MODEL_LOAD_FAILED"


def test_a_model_of_another_kind_than_was_said_is_refused(tmp_path: Path) -> None:
    pictures, clips = write_model(tmp_path / "p"), write_model(tmp_path / "c", "TextToVideoSDPipeline")
    ModelFolder(clips).check("video")
    assert refusal(clips).message == "the model is of kind video; its catalogue entry says image"
    with pytest.raises(ModelLoadError) as refused:
        ModelFolder(pictures).check("video")
    assert refused.value.reason == "MODEL_UNSUPPORTED"


def test_a_parts_configuration_is_read_without_loading_it(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    (folder / "unet" / "config.json").write_text('{"layers_per_block": 2}')
    assert ModelFolder(folder).config("unet") == {"layers_per_block": 2}
    with pytest.raises(ModelLoadError, match=r"vae has no config\.json"):
        ModelFolder(folder).config("vae")
