"""Whoever waits for a call, as the process that draws sees them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from atelier_diffusion.encoding.picture_file import preview_jpeg
from atelier_diffusion.engine.denoising import StepReport
from atelier_diffusion.engine.results import FrameChunk, Pixels
from atelier_diffusion.policy.errors import CanceledError, EngineError
from atelier_diffusion.remote.messages import Decoded, StepDone

PREVIEW_EVERY_S = 0.5


class CallHandle:
    """Hears how far their call is, takes its frames, and may want no more of it.

    The device's thread says what is done; `take` and `stop` come from the thread that receives.
    """

    def __init__(
        self, number: int, send: Callable[[object], None], *, preview_every_s: float = PREVIEW_EVERY_S
    ) -> None:
        self._number = number
        self._preview_every_s = preview_every_s
        self._send = send
        self._stopped = threading.Event()
        self._room = threading.Semaphore(1)  # for chunks that are sent and not yet taken
        self._began = self._previewed = time.monotonic()
        self._last_ns = 0
        self._waited_s = 0.0

    def stop(self) -> None:
        """They wait no longer."""
        self._stopped.set()
        self._room.release()  # who waits for them must not either

    def take(self) -> None:
        """They have taken the chunk that was sent."""
        self._room.release()

    def begin(self) -> None:
        """Their turn has come. Raises CanceledError when that is too late."""
        if self._stopped.is_set():
            raise CanceledError
        self._began = self._previewed = time.monotonic()
        self._last_ns = time.time_ns()

    @property
    def device_s(self) -> float:
        """Seconds on the device since their turn came: those in which they took frames are not."""
        return time.monotonic() - self._began - self._waited_s

    def on_step(self, report: StepReport) -> bool:
        """Tells a step, with a preview twice a second."""
        if self._stopped.is_set():
            return False
        began_ns, ended_ns, preview = self._last_ns, time.time_ns(), b""
        is_due = time.monotonic() - self._previewed >= self._preview_every_s
        if report.preview is not None and report.step < report.steps and is_due:
            preview = _shown(report.preview)
            self._previewed = time.monotonic()
        self._send(StepDone(self._number, report.step, report.steps, report.picture_index, began_ns, ended_ns, preview))
        self._last_ns = time.time_ns()
        return True

    def on_frames(self, chunk: FrameChunk) -> bool:
        """Sends a chunk as soon as the one before it is taken: the next is decoded while they take this one, and frames
        pile up neither here nor there."""
        began_ns, ended_ns, waiting = self._last_ns, time.time_ns(), time.monotonic()
        self._room.acquire()
        self._waited_s += time.monotonic() - waiting
        if self._stopped.is_set():
            return False
        self._send(Decoded(self._number, chunk, began_ns, ended_ns))
        self._last_ns = time.time_ns()
        return True


def _shown(preview: Callable[[], Pixels]) -> bytes:
    """A preview whose numbers overflowed is none: the decoder may be right at full size, and the end tells."""
    try:
        return preview_jpeg(preview())
    except EngineError as error:
        if error.reason != "NUMERICAL_FAILURE":
            raise
        return b""
