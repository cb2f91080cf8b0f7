"""The same clips without the mesh: a process in which our engine draws and encodes, and nothing else is done."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from atelier_diffusion.engine.denoising import StepReport
from atelier_diffusion.engine.results import FrameChunk
from atelier_diffusion.engine.video_engine import VideoEngine
from atelier_diffusion.torch_backend.local_engine import open_video_engine
from atelier_video.domain.parameters import VideoParameters
from atelier_video.worker.clip_files import ClipFiles
from tests.bench.clip import clip_of, video_catalogue
from tests.bench.companion import answer_questions


class Stopwatch:
    """Seconds spent denoising and encoding."""

    def __init__(self) -> None:
        self.denoise_s = self.encode_s = 0.0
        self._began = 0.0

    def step(self, report: StepReport) -> bool:
        """Hears of every step: see OnStep."""
        now = time.perf_counter()
        if report.step:
            self.denoise_s += now - self._began
        self._began = now
        return True

    def encode(self, work: Callable[[], object]) -> bool:
        """Does `work`; true, for `on_frames`."""
        began = time.perf_counter()
        work()
        self.encode_s += time.perf_counter() - began
        return True


Draw = Callable[[VideoParameters, ClipFiles, Stopwatch], None]
"""Draws a clip and puts all of its frames into its files."""


def drawn_by_engine(engine: VideoEngine) -> Draw:
    """Our engine, frame by frame."""

    def draw(parameters: VideoParameters, files: ClipFiles, watch: Stopwatch) -> None:
        def take(chunk: FrameChunk) -> bool:
            return watch.encode(lambda: files.add(chunk.pixels))

        engine.generate(parameters.request, on_frames=take, on_step=watch.step)

    return draw


def main() -> None:
    """Answers {"seeds"} with the seconds and CPU seconds of all these clips, one after the other; with a
    "container", with the seconds of their denoising and of their encoding in that container."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # it tells at length what it does without torchvision
    catalogue = video_catalogue()
    engine = open_video_engine(catalogue, device="cpu", threads=json.loads(sys.argv[1])["threads"])
    engine.warm_up()
    draw = drawn_by_engine(engine)

    with tempfile.TemporaryDirectory() as scratch:

        def answer(question: Mapping[str, Any]) -> tuple[float, float]:
            watch = Stopwatch()
            started, started_cpu = time.perf_counter(), time.process_time()
            for seed in question["seeds"]:
                parameters = clip_of(catalogue, seed, question.get("container", "MP4"))
                with closing(ClipFiles(Path(scratch) / "clip", parameters, parameters.drawn())) as files:
                    draw(parameters, files, watch)
                    watch.encode(files.finish)
            if "container" in question:
                return watch.denoise_s, watch.encode_s
            return time.perf_counter() - started, time.process_time() - started_cpu

        answer_questions(answer)


if __name__ == "__main__":
    main()
