"""Call handles: the state of one call in the engine process, between its caller and the device."""

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
    """Sends a call's progress and frames to the worker, and cancels the call when asked to.

    The device's thread calls `begin`, `on_step` and `on_frames`; the receiving thread calls `take` and `stop`.
    """

    def __init__(
        self, number: int, send: Callable[[object], None], *, preview_every_s: float = PREVIEW_EVERY_S
    ) -> None:
        """Makes the handle of a call that waits for its turn.

        Args:
            number: The call's number.
            send: Sends a message to the worker.
            preview_every_s: The shortest time between two previews, in seconds.
        """
        self._number = number
        self._preview_every_s = preview_every_s
        self._send = send
        self._stopped = threading.Event()
        self._room = threading.Semaphore(1)  # for chunks that are sent and not yet taken
        self._began = self._previewed = time.monotonic()
        self._last_ns = 0
        self._waited_s = 0.0

    def stop(self) -> None:
        """Cancels the call."""
        self._stopped.set()
        self._room.release()  # a thread that waits for an acknowledgement must not go on waiting

    def take(self) -> None:
        """The worker acknowledged the chunk that was sent."""
        self._room.release()

    def begin(self) -> None:
        """Starts the clock: the call has the device.

        Raises:
            CanceledError: The call was cancelled while it waited.
        """
        if self._stopped.is_set():
            raise CanceledError
        self._began = self._previewed = time.monotonic()
        self._last_ns = time.time_ns()

    @property
    def device_s(self) -> float:
        """Seconds on the device since `begin`, without those spent waiting for acknowledgements."""
        return time.monotonic() - self._began - self._waited_s

    def on_step(self, report: StepReport) -> bool:
        """Sends a step, with a preview at most every `preview_every_s`; returns False when the call is cancelled."""
        if self._stopped.is_set():
            return False
        began_ns, ended_ns, preview = self._last_ns, time.time_ns(), b""
        is_due = time.monotonic() - self._previewed >= self._preview_every_s
        if report.preview is not None and report.step < report.steps and is_due:
            preview = _preview_bytes(report.preview)
            self._previewed = time.monotonic()
        self._send(StepDone(self._number, report.step, report.steps, report.picture_index, began_ns, ended_ns, preview))
        self._last_ns = time.time_ns()
        return True

    def on_frames(self, chunk: FrameChunk) -> bool:
        """Sends a chunk once the one before it is acknowledged; returns False when the call is cancelled.

        The next chunk is decoded while the worker handles this one, so frames accumulate in neither process.
        """
        began_ns, ended_ns, waiting = self._last_ns, time.time_ns(), time.monotonic()
        self._room.acquire()
        self._waited_s += time.monotonic() - waiting
        if self._stopped.is_set():
            return False
        self._send(Decoded(self._number, chunk, began_ns, ended_ns))
        self._last_ns = time.time_ns()
        return True


def _preview_bytes(preview: Callable[[], Pixels]) -> bytes:
    """The preview as a JPEG; empty when its latents overflowed: the decoder may succeed at full size."""
    try:
        return preview_jpeg(preview())
    except EngineError as error:
        if error.reason != "NUMERICAL_FAILURE":
            raise
        return b""
