"""Step progress and previews, from any thread to the bus: lossy, coalesced, monotone."""

import asyncio
import threading
from dataclasses import dataclass

from atelier_jobs.domain.job import Job
from atelier_jobs.domain.progress_sink import ProgressSink


@dataclass(frozen=True, slots=True)
class _Step:
    step: int
    steps: int
    eta_s: float | None


class ProgressReporter:
    """Publishes the latest step of one attempt, at most every `interval_s`; a preview at most every `preview_s`."""

    def __init__(
        self,
        sink: ProgressSink,
        job: Job,
        *,
        interval_s: float = 0.1,
        preview_s: float = 0.5,
    ) -> None:
        self._sink = sink
        self._job = job
        self._interval_s = interval_s
        self._preview_s = preview_s
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._news = asyncio.Event()
        self._latest = _Step(0, 0, None)
        self._preview: tuple[bytes, str] | None = None
        self._previewed = float("-inf")

    @property
    def latest(self) -> tuple[int, int]:
        """Steps done, and steps in all."""
        return self._latest.step, self._latest.steps

    def report(self, step: int, steps: int, *, eta_s: float | None, preview: bytes, preview_type: str) -> None:
        """Takes note, from any thread. A step before the last one is ignored."""
        with self._lock:
            if step < self._latest.step:
                return
            self._latest = _Step(step, steps, eta_s)
            if preview:
                self._preview = (preview, preview_type)
        self._loop.call_soon_threadsafe(self._news.set)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self._publish()
            await asyncio.sleep(self._interval_s)

    async def _publish(self) -> None:
        preview, preview_type = self._take_preview()
        latest = self._latest
        await self._sink.publish(
            self._job,
            step=latest.step,
            steps=latest.steps,
            eta_s=latest.eta_s,
            preview=preview,
            preview_type=preview_type,
        )

    def _take_preview(self) -> tuple[bytes, str]:
        now = self._loop.time()
        with self._lock:
            if self._preview is None or now - self._previewed < self._preview_s:
                return b"", ""
            taken, self._preview = self._preview, None
        self._previewed = now
        return taken
