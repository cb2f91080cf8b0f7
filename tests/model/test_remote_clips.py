"""The shipped video model, drawn in a process of its own."""

import numpy as np
from tests.model.test_demo_video_clip import CATALOGUE, REQUEST

from atelier_diffusion.engine.results import FrameChunk, Frames
from atelier_diffusion.remote.remote_engine import RemoteEngine
from atelier_diffusion.torch_backend.local_engine import open_video_engine


async def test_a_clip_from_another_process_is_the_one_that_is_drawn_in_this() -> None:
    local = open_video_engine(CATALOGUE, device="cpu", threads=1)
    expected: list[Frames] = []

    def keep(chunk: FrameChunk) -> bool:
        expected.append(chunk.pixels)
        return True

    clip = local.generate(REQUEST, on_frames=keep)
    local.close()

    got: list[Frames] = []

    async def take(chunk: FrameChunk) -> None:
        got.append(chunk.pixels)

    async with RemoteEngine.open(open_video_engine, catalogue=CATALOGUE, device="cpu", threads=1) as engine:
        assert (await engine.warm_up()).state == "READY"
        assert (await engine.generate_clip(REQUEST, on_frames=take))[0] == clip
    assert sum(map(len, got)) == 16
    assert np.array_equal(np.concatenate(got), np.concatenate(expected))
