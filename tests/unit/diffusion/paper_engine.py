"""An engine of paper for tests of the engine process: it imports no torch and can be told to misbehave."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atelier_diffusion.engine.denoising import StepReport
from atelier_diffusion.engine.hardware import MemoryReading
from atelier_diffusion.engine.model_store import ModelState, ModelStatus
from atelier_diffusion.engine.results import Latent, Picture
from atelier_diffusion.policy.errors import CanceledError, EngineError
from atelier_diffusion.policy.latent_format import LatentFormat
from atelier_diffusion.policy.request import ImageRequest


@dataclass(frozen=True)
class PaperDevice:
    kind: str = "cpu"
    name: str = "paper"
    dtype: str = "float32"


class Paper:
    """What engines of every kind can do."""

    device = PaperDevice()

    def __init__(self, listener: Callable[[ModelStatus], None]) -> None:
        self._listener = listener

    def load(self, model_id: str) -> ModelStatus:
        status = ModelStatus(model_id, ModelState.READY, "r1", 100)
        self._listener(status)
        return status

    def statuses(self) -> list[ModelStatus]:
        return [ModelStatus("m", ModelState.UNLOADED, "r1")]

    def memory(self) -> MemoryReading:
        return MemoryReading(1, 2)


class PaperEngine(Paper):
    """What a prompt says happens: `crash`, `bug`, `refuse`; everything else is drawn, a step a millisecond.

    A picture or a latent to begin with is what is drawn, except where the mask is white.
    """

    def __init__(self, listener: Callable[[ModelStatus], None], steps_made: Path | None) -> None:
        super().__init__(listener)
        self._steps_made = steps_made

    def generate(self, request: ImageRequest, model_id: str, *, on_step: Callable[[StepReport], bool]) -> list[Picture]:
        if request.prompt == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if request.prompt == "bug":
            raise ZeroDivisionError
        if request.prompt == "refuse":
            raise EngineError("INVALID_SIZE", "too large")
        pixels = np.full((request.height_px, request.width_px, 3), 7, np.uint8)
        if request.init_picture is not None and request.mask is not None:
            pixels = np.where(request.mask[..., None] == 255, pixels, request.init_picture)
        for step in range(request.steps + 1):
            if step:
                time.sleep(0.001)
                if self._steps_made is not None:
                    self._steps_made.write_text(str(step))
            if not on_step(StepReport(step, request.steps, 0, (lambda: pixels) if step else None)):
                raise CanceledError
        samples = request.init_latent if "LATENT" in request.outputs else None
        latent = None if samples is None else Latent(samples, LatentFormat("sd15", 4, 8, 0.18215))
        return [Picture(0, request.seeds[0], pixels, model_id, "r1", latent=latent)]


def open_paper_engine(
    *, listener: Callable[[ModelStatus], None], device: str = "cpu", steps_made: Path | None = None
) -> PaperEngine:
    if device == "none":
        raise EngineError("INVALID_REQUEST", "this machine has no device none")
    if device == "broken":
        raise RuntimeError("the driver is broken")
    return PaperEngine(listener, steps_made)
