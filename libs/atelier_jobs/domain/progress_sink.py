"""The port through which progress of running attempts leaves their worker."""

from typing import Protocol

from atelier_jobs.domain.job import Job
from atelier_jobs.domain.progress import Progress


class ProgressSink(Protocol):
    """Takes progress for the watchers. Lossy: what cannot be sent now is dropped."""

    async def publish(
        self, job: Job, progress: Progress, *, eta_s: float | None, preview: bytes, preview_content_type: str
    ) -> None:
        """Sends how far an attempt is, without waiting for a watcher to have read it.

        Args:
            job: As its worker claimed it.
            progress: How far it is now.
            eta_s: Estimated seconds to the end; None while unknown.
            preview: A small view of the state of things; empty for none.
            preview_content_type: Of what type the preview is.
        """
        ...
