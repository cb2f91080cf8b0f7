"""The progress reporter: progress and previews, from any thread to a sink; lossy, coalesced, monotone."""

import asyncio
import threading

from atelier_jobs.domain.job import Job
from atelier_jobs.domain.progress import NOT_BEGUN, Progress
from atelier_jobs.domain.progress_sink import ProgressSink


class ProgressReporter:
    """Publishes the latest progress of one attempt, at most every `interval_s`; a preview at most every `preview_s`."""

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
        self._reported = asyncio.Event()
        self._latest = NOT_BEGUN
        self._eta_s: float | None = None
        self._preview: tuple[bytes, str] | None = None
        self._previewed = float("-inf")

    @property
    def latest(self) -> Progress:
        """The last report."""
        return self._latest

    def report(self, progress: Progress, *, eta_s: float | None, preview: bytes, preview_content_type: str) -> None:
        """Records a report, from any thread; see Attempt.report."""
        with self._lock:
            if progress.is_behind(self._latest):
                return
            self._latest, self._eta_s = progress, eta_s
            if preview:
                self._preview = (preview, preview_content_type)
        self._loop.call_soon_threadsafe(self._reported.set)

    async def run(self) -> None:
        """Publishes until it is cancelled."""
        while True:
            await self._reported.wait()
            self._reported.clear()
            await self._publish()
            await asyncio.sleep(self._interval_s)

    async def _publish(self) -> None:
        preview, preview_content_type = self._take_preview()
        with self._lock:
            latest, eta_s = self._latest, self._eta_s
        await self._sink.publish(
            self._job, latest, eta_s=eta_s, preview=preview, preview_content_type=preview_content_type
        )

    def _take_preview(self) -> tuple[bytes, str]:
        now = self._loop.time()
        with self._lock:
            if self._preview is None or now - self._previewed < self._preview_s:
                return b"", ""
            taken, self._preview = self._preview, None
        self._previewed = now
        return taken
