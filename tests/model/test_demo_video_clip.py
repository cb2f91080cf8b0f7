"""From a prompt to a file that can be played: the engine draws the shipped video model, its frames become a clip."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tools.demo_video import scorer
from tools.demo_video.prompts import plain_prompt
from tools.demo_video.world import ClipSpec

from atelier_diffusion.catalogue.catalogue_file import read_catalogue
from atelier_diffusion.engine.results import FrameChunk
from atelier_diffusion.engine.video_engine import VideoEngine
from atelier_diffusion.policy.errors import CanceledError, EngineError
from atelier_diffusion.policy.request import VideoRequest
from atelier_diffusion.torch_backend.local_engine import open_video_engine
from atelier_media.clip_format import CONTAINERS, ClipFormat, Container
from atelier_media.clip_reader import ClipReader
from atelier_media.clip_writer import ClipWriter

ROOT = Path(__file__).parents[2]
SPEC = ClipSpec("ball", "red", "right", "blue")
CATALOGUE = read_catalogue(ROOT / "models" / "catalogue.yaml", root=ROOT, kind="video")
DEFAULTS = CATALOGUE.default.defaults
REQUEST = VideoRequest(
    plain_prompt(SPEC),
    "",
    DEFAULTS.width_px,
    DEFAULTS.height_px,
    DEFAULTS.steps,
    DEFAULTS.guidance_scale,
    seed=3,
    scheduler=DEFAULTS.scheduler,
    frames=DEFAULTS.frames,
)


@pytest.fixture(scope="module")
def engine() -> Iterator[VideoEngine]:
    """On the CPU, one thread: other tests share the cores."""
    opened = open_video_engine(CATALOGUE, device="cpu", threads=1)
    yield opened
    opened.close()


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_clip_that_was_drawn_written_and_read_again_shows_what_was_asked(
    engine: VideoEngine, container: Container, tmp_path: Path
) -> None:
    path = tmp_path / "clip"
    clip_format = ClipFormat(
        container, REQUEST.width_px, REQUEST.height_px, Fraction(DEFAULTS.frame_rate_hz), {"seed": REQUEST.seed}
    )
    with ClipWriter(path, clip_format) as writer:

        def write(chunk: FrameChunk) -> bool:
            writer.write(chunk.pixels)
            return True

        clip = engine.generate(REQUEST, on_frames=write)
        writer.finish()
    assert (clip.model_id, clip.frames) == ("demo-video", 16)
    with ClipReader(path) as reader:
        assert (reader.info.frame_count, reader.info.frame_rate_hz) == (16, Fraction(8))
        assert reader.info.parameters == {"seed": 3}
        answers = scorer.score(SPEC, np.stack(list(reader.frames())))
    assert answers == dict.fromkeys(answers, True)


def test_a_cancelled_clip_leaves_no_file(engine: VideoEngine, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"

    def draw() -> None:
        with ClipWriter(path, ClipFormat("MP4", REQUEST.width_px, REQUEST.height_px, Fraction(8))) as writer:

            def write(chunk: FrameChunk) -> bool:
                writer.write(chunk.pixels)
                return False

            engine.generate(REQUEST, on_frames=write)

    with pytest.raises(CanceledError):
        draw()
    assert list(tmp_path.iterdir()) == []


def test_the_image_catalogue_does_not_list_it() -> None:
    images = read_catalogue(ROOT / "models" / "catalogue.yaml", root=ROOT)
    with pytest.raises(EngineError) as refused:
        images.get("demo-video")
    assert refused.value.reason == "UNKNOWN_MODEL"
