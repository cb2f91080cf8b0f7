"""A video engine of paper, in the manner of `paper_engine`."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tests.unit.diffusion.paper_engine import Paper

from atelier_diffusion.engine.denoising import StepReport
from atelier_diffusion.engine.model_store import ModelStatus
from atelier_diffusion.engine.results import Clip, FrameChunk
from atelier_diffusion.policy.errors import CanceledError
from atelier_diffusion.policy.request import VideoRequest

CHUNK = 4


class PaperVideoEngine(Paper):
    """Steps and chunks of four frames take a millisecond each; every number of frame k is k.

    With the prompt `crash` it is killed while it decodes the second chunk. `journal` tells what was done, in order.
    """

    def __init__(self, listener: Callable[[ModelStatus], None], journal: Path) -> None:
        super().__init__(listener)
        self._journal = journal

    def generate(
        self,
        request: VideoRequest,
        model_id: str,
        *,
        on_frames: Callable[[FrameChunk], bool],
        on_step: Callable[[StepReport], bool],
    ) -> Clip:
        for step in range(request.steps + 1):
            if step:
                self._work(f"step {step}")
            if not on_step(StepReport(step, request.steps, 0, None)):
                raise CanceledError
        for first in range(0, request.frames, CHUNK):
            if first and request.prompt == "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            self._work(f"decode {first}")
            indices = np.arange(first, min(first + CHUNK, request.frames), dtype=np.uint8)
            size = len(indices), request.height_px, request.width_px, 3
            if not on_frames(FrameChunk(first, np.broadcast_to(indices[:, None, None, None], size))):
                raise CanceledError
        return Clip(request.seed, request.frames, model_id, "r1")

    def _work(self, what: str) -> None:
        time.sleep(0.001)
        with self._journal.open("a") as journal:
            journal.write(f"{what}\n")


def open_paper_video_engine(*, listener: Callable[[ModelStatus], None], journal: Path) -> PaperVideoEngine:
    return PaperVideoEngine(listener, journal)
