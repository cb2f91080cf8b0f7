"""What is told in advance of a clip's memory is what it takes, and not much less."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.model.small_models import animate_diff, ltx, text_to_video

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.policy.clip_memory import ClipFacts, decoding_bytes, denoising_bytes
from atelier_diffusion.policy.pipeline_call import PipelineCall
from atelier_diffusion.policy.pipeline_facts import PipelineFacts
from atelier_diffusion.weights.model_folder import ModelFolder

MIB = 2**20


@pytest.fixture(scope="module")
def folder(engine: ImageEngine, demo_catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    demo = demo_catalogue.default.folder
    assert demo is not None
    saved = tmp_path_factory.mktemp("text-to-video")
    text_to_video(demo).save_pretrained(saved)
    return saved


def peak_of(folder: Path, frames: int, part: str) -> int:
    command = [sys.executable, "-m", "tests.model.clip_peak", str(folder), str(frames), part]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    return int(answer.stdout)


pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="only Linux tells a peak that begins anew"
)


@pytest.mark.parametrize("frames", [16, 64])
def test_the_estimate_is_near_the_peak_and_not_below_it(folder: Path, frames: int) -> None:
    from tests.model.clip_peak import AT_ONCE, request

    files = ModelFolder(folder)
    facts = ClipFacts.read(files.config("unet"), files.config("vae"), "float32")
    asked = request(frames)
    denoising = denoising_bytes(facts, asked)
    decoding = decoding_bytes(facts, asked, AT_ONCE) - decoding_bytes(facts, asked, 0)
    for estimated, part in ((denoising, "denoise"), (decoding, "decode")):
        measured = peak_of(folder, frames, part)
        assert measured - 8 * MIB < estimated < 2 * measured + 16 * MIB, part


def test_what_denoising_took_is_given_back_before_frames_are_decoded(folder: Path) -> None:
    assert peak_of(folder, 64, "left") < 16 * MIB


@pytest.mark.parametrize("make", [animate_diff, ltx])
@pytest.mark.parametrize("frames", [9, 31])
def test_a_clip_that_a_pipeline_draws_takes_no_more_than_its_rough_estimate(
    engine: ImageEngine, demo_catalogue: Catalogue, tmp_path: Path, make: Callable[[Path], Any], frames: int
) -> None:
    from tests.model.clip_peak import request

    demo = demo_catalogue.default.folder
    assert demo is not None
    make(demo).save_pretrained(tmp_path)
    call = PipelineCall("P", frozenset(), needs_image=False)
    facts = PipelineFacts.read(call, ModelFolder(tmp_path).configs, "EULER", 4)
    measured = peak_of(tmp_path, frames, "whole")
    assert measured - 8 * MIB < facts.needed_bytes(request(frames))
