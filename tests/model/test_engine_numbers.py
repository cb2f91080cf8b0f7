"""Numbers that are not finite are a failure, wherever they come from, and never a black picture."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.model.small_models import ltx, spoil, stable_diffusion, text_to_video
from tests.model.test_engine_families import engine_on

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.denoising import StepReport
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.model_card import ModelCard, ModelDefaults
from atelier_diffusion.policy.model_source import ModelSource
from atelier_diffusion.policy.request import ImageRequest, VideoRequest
from atelier_diffusion.remote.call_handle import CallHandle
from atelier_diffusion.remote.messages import StepDone
from atelier_diffusion.torch_backend.local_engine import open_video_engine

REQUEST = ImageRequest("a green star", "", 64, 64, 3, 1.0, 3, "EULER")
CLIP = VideoRequest(
    prompt="a green star", negative_prompt="", width_px=64, height_px=64, frames=2, steps=2, guidance_scale=1.0, seed=0,
    scheduler="EULER",
)  # fmt: skip


@pytest.fixture
def demo(engine: ImageEngine, demo_catalogue: Catalogue) -> Path:
    """`engine` has imported torch already."""
    folder = demo_catalogue.default.folder
    assert folder is not None
    return folder


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_a_picture_whose_numbers_overflowed_is_none(demo: Path, tmp_path: Path, part: str) -> None:
    stable_diffusion(demo).save_pretrained(tmp_path)
    spoil(tmp_path / part / "diffusion_pytorch_model.safetensors")
    with engine_on(tmp_path) as opened, pytest.raises(EngineError) as refused:
        opened.generate(REQUEST)
    assert refused.value.reason == "NUMERICAL_FAILURE"


def test_a_preview_whose_numbers_overflowed_is_left_out(demo: Path, tmp_path: Path) -> None:
    stable_diffusion(demo).save_pretrained(tmp_path)
    spoil(tmp_path / "vae" / "diffusion_pytorch_model.safetensors")
    sent: list[Any] = []
    caller = CallHandle(1, sent.append, preview_every_s=0)

    def step(report: StepReport) -> bool:
        if not report.step:
            caller.begin()
        return caller.on_step(report)

    with engine_on(tmp_path) as opened, pytest.raises(EngineError):
        opened.generate(REQUEST, on_step=step)
    assert [(done.step, done.preview) for done in sent if isinstance(done, StepDone)] == [
        (0, b""), (1, b""), (2, b""), (3, b""),
    ]  # fmt: skip


@pytest.mark.parametrize("family", [text_to_video, ltx])
def test_a_clip_whose_decoder_overflows_is_none(demo: Path, tmp_path: Path, family: Callable[[Path], Any]) -> None:
    family(demo).save_pretrained(tmp_path)
    spoil(tmp_path / "vae" / "diffusion_pytorch_model.safetensors")
    defaults = ModelDefaults(64, 64, 2, 1.0, "EULER", frames=2)
    card = ModelCard("m", "M", ModelSource("path", str(tmp_path)), "r", tmp_path, defaults, kind="video")
    videos = open_video_engine(Catalogue([card], "m"), device="cpu", threads=1)
    with pytest.raises(EngineError) as refused:
        videos.generate(CLIP, on_frames=lambda _: True)
    assert refused.value.reason == "NUMERICAL_FAILURE"
