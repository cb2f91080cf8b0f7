"""Models that load, and models that do not."""

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.model.small_models import ltx, stable_diffusion

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.catalogue.catalogue_file import read_catalogue
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.engine.model_store import ModelStatus
from atelier_diffusion.engine.results import FrameChunk
from atelier_diffusion.policy.errors import EngineError, ModelLoadError
from atelier_diffusion.policy.model_card import ModelCard, ModelDefaults, ModelKind
from atelier_diffusion.policy.model_source import ModelSource
from atelier_diffusion.policy.request import ImageRequest, VideoRequest
from atelier_diffusion.torch_backend.local_engine import open_engine, open_video_engine

REQUEST = ImageRequest("a red circle", "", 256, 256, 2, 3.0, 7, "DDIM")
DRAWN_CLIP = VideoRequest(
    prompt="a red circle", negative_prompt="", width_px=64, height_px=64, frames=2, steps=1, guidance_scale=1.0, seed=0,
    scheduler="EULER",
)  # fmt: skip
OpenWith = Callable[..., ImageEngine]


@pytest.fixture
def open_with(engine: ImageEngine, demo_catalogue: Catalogue, tmp_path: Path) -> OpenWith:
    """Opens a second engine on a catalogue whose default is `source`; `engine` has imported torch already."""

    def opened(source: str, **options: object) -> ImageEngine:
        file = tmp_path / "catalogue.yaml"
        file.write_text(json.dumps({"default": "m", "models": {"m": {"source": source}}}))
        catalogue = read_catalogue(file, root=tmp_path)
        return open_engine(catalogue, device="cpu", threads=1, **options)  # type: ignore[arg-type]

    return opened


@pytest.fixture
def copied(demo_catalogue: Catalogue, tmp_path: Path) -> Path:
    """A copy of the demo model that may be spoilt."""
    folder = demo_catalogue.default.folder
    assert folder is not None
    return shutil.copytree(folder, tmp_path / "copy")


def refusal(engine: ImageEngine) -> ModelLoadError:
    with pytest.raises(ModelLoadError) as refused:
        engine.generate(REQUEST)
    assert " /" not in refused.value.message  # no path leaks
    assert engine.status("").reason == refused.value.reason
    return refused.value


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Path.touch, (self.target,))


def test_loading_and_unloading_are_reported(open_with: OpenWith, copied: Path) -> None:
    heard: list[ModelStatus] = []
    engine = open_with(f"path:{copied}", listener=heard.append)
    assert engine.load("m").memory_bytes > 10e6
    engine.unload("m")
    assert [status.state for status in heard] == ["LOADING", "READY", "UNLOADED"]


def test_a_pickle_is_refused_and_never_opened(open_with: OpenWith, copied: Path, tmp_path: Path) -> None:
    (copied / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))
    (copied / "unet" / "diffusion_pytorch_model.bin").write_bytes(bomb)
    assert refusal(open_with(f"path:{copied}")).reason == "MODEL_UNSAFE_FORMAT"
    assert not (tmp_path / "exploded").exists()


def test_a_pickle_renamed_to_safetensors_is_refused_and_never_opened(
    open_with: OpenWith, copied: Path, tmp_path: Path
) -> None:
    bomb = pickle.dumps(Bomb(tmp_path / "exploded"))
    (copied / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(bomb)
    assert refusal(open_with(f"path:{copied}")).reason == "MODEL_LOAD_FAILED"
    assert not (tmp_path / "exploded").exists()


def test_a_missing_folder_is_not_found(open_with: OpenWith) -> None:
    assert refusal(open_with("path:nowhere")).reason == "MODEL_NOT_FOUND"


def test_files_that_do_not_fit_together_are_a_failure_and_other_models_go_on(
    open_with: OpenWith, copied: Path, engine: ImageEngine
) -> None:
    config = copied / "unet" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "cross_attention_dim": 64}))
    assert refusal(open_with(f"path:{copied}")).reason == "MODEL_LOAD_FAILED"
    assert engine.generate(REQUEST)


def test_a_model_over_the_budget_is_refused_before_it_is_loaded(open_with: OpenWith, copied: Path) -> None:
    told = refusal(open_with(f"path:{copied}", memory_budget_bytes=10_000_000))
    assert told.reason == "MODEL_TOO_LARGE"
    assert told.message == "model m needs about 0.0 GiB, 0.0 GiB are free"


@pytest.mark.parametrize("source", ["hf:nobody/nothing", "modelscope:nobody/nothing"])
def test_a_hub_that_cannot_be_reached_is_said_so(open_with: OpenWith, source: str, tmp_path: Path) -> None:
    nobody_listens = "http://127.0.0.1:9"
    engine = open_with(
        source, cache_folder=tmp_path / "hub", hf_endpoint=nobody_listens, modelscope_endpoint=nobody_listens
    )
    assert refusal(engine).reason == "MODEL_DOWNLOAD_FAILED"


def test_a_device_that_is_not_there_is_said_so(demo_catalogue: Catalogue, engine: ImageEngine) -> None:
    with pytest.raises(EngineError) as refused:
        open_engine(demo_catalogue, device="cuda:99", threads=1)
    assert refused.value.reason == "INVALID_REQUEST"


@pytest.mark.parametrize("family", [stable_diffusion, ltx])
def test_a_loaded_model_does_not_change_with_its_files(
    engine: ImageEngine, demo_catalogue: Catalogue, tmp_path: Path, family: Callable[[Path], Any]
) -> None:
    """In single precision, as it is stored: so nothing has to be copied to be used."""
    demo = demo_catalogue.default.folder
    assert demo is not None
    family(demo).save_pretrained(tmp_path / "m")
    kind: ModelKind = "video" if family is ltx else "image"
    source = ModelSource("path", str(tmp_path / "m"))
    card = ModelCard("m", "M", source, "", tmp_path / "m", ModelDefaults(), kind=kind)
    opens = open_video_engine if kind == "video" else open_engine
    opened: Any = opens(Catalogue([card], "m"), device="cpu", threads=1)
    opened.load("m")
    request = DRAWN_CLIP if kind == "video" else replace(REQUEST, width_px=64, height_px=64, scheduler="EULER")

    def pixels() -> Any:
        if kind == "image":
            return opened.generate(request)[0].pixels
        chunks: list[Any] = []

        def keep(chunk: FrameChunk) -> bool:
            chunks.append(chunk.pixels)
            return True

        opened.generate(request, on_frames=keep)
        return np.concatenate(chunks)

    before = pixels()
    with opened._cache.using(card):  # in use: it is not dropped
        for file in (tmp_path / "m").rglob("*.safetensors"):
            with file.open("r+b") as stream:
                header = int.from_bytes(stream.read(8), "little")
                stream.seek(8 + header)
                stream.write(bytes(file.stat().st_size - 8 - header))
        assert np.array_equal(pixels(), before)


def test_a_model_that_is_written_to_while_it_is_loaded_is_not_taken(
    engine: ImageEngine, demo_catalogue: Catalogue, copied: Path
) -> None:
    from atelier_diffusion.torch_backend.device import Device
    from atelier_diffusion.torch_backend.pipeline_store import DiffusersStore
    from atelier_diffusion.weights.hub import Hub
    from atelier_diffusion.weights.model_revisions import ModelRevisions

    card = replace(demo_catalogue.default, folder=copied)
    located = DiffusersStore(Device.choose("cpu"), Hub(), ModelRevisions()).locate(card)
    read = located.read

    def and_written_to(folder: Any, dtype: Any) -> Any:
        pipe = read(folder, dtype)
        with (copied / "unet" / "diffusion_pytorch_model.safetensors").open("r+b") as stream:
            stream.seek(-1, 2)
            stream.write(b"\1")
        return pipe

    located.read = and_written_to
    with pytest.raises(ModelLoadError) as refused:
        located.load()
    assert (refused.value.reason, located.revision) == ("MODEL_FILES_CHANGING", "")
    located.read = read
    located.load().close()
    assert located.revision != ""
    assert not located.is_replaced()
    (copied / "unet" / "notes.txt.lock").touch()  # beside the weights, and no part of the model
    assert not located.is_replaced()
    (copied / "unet" / "config.json").touch()
    assert located.is_replaced()
