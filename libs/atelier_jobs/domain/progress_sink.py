"""The progress sink: the port to which a worker's attempts publish their progress."""

from typing import Protocol

from atelier_jobs.domain.job import Job
from atelier_jobs.domain.progress import Progress


class ProgressSink(Protocol):
    """Publishes progress to the watchers of a job. Lossy: what cannot be sent now is dropped."""

    async def publish(
        self, job: Job, progress: Progress, *, eta_s: float | None, preview: bytes, preview_content_type: str
    ) -> None:
        """Publishes the progress of an attempt, without waiting for a watcher to read it.

        Args:
            job: The job as it was when it was claimed.
            progress: Its progress now.
            eta_s: Estimated seconds to the end; None while unknown.
            preview: A small picture of the unfinished output, encoded; empty for none.
            preview_content_type: Content type of the preview.
        """
        ...
