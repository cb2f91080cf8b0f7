"""A clip that is closed while its frames are encoded."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from atelier_media.clip_format import CONTAINERS, Container
from atelier_video.domain.parameters import AskedVideo, resolve
from atelier_video.worker.clip_files import ClipFiles
from tests.support.wait import eventually
from tests.unit.models.cards import DEMO

NOISE = np.random.default_rng(0).integers(0, 255, (4, 128, 128, 3), np.uint8)


@pytest.mark.parametrize("container", CONTAINERS)
async def test_closing_waits_for_the_frames_at_work(container: Container, tmp_path: Path) -> None:
    # The encoder gets each frame many times, so that there is time to close it meanwhile.
    rate_hz = 50 if container == "GIF" else 240
    asked = AskedVideo(prompt="x", width_px=128, height_px=128, frames=16, frame_rate_hz=rate_hz, container=container)
    clip = ClipFiles(tmp_path / "clip", resolve(asked, DEMO, lambda: 7), {})
    adding = asyncio.create_task(asyncio.to_thread(clip.add, NOISE))
    await eventually(lambda: _files(tmp_path))
    await asyncio.to_thread(clip.close)
    assert await adding == [], "it ended as if nobody had closed"
    assert _files(tmp_path) == []


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir())
