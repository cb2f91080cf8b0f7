"""The port through which progress of running attempts leaves their worker."""

from typing import Protocol

from atelier_jobs.domain.job import Job


class ProgressSink(Protocol):
    """Takes progress for those who watch. Lossy: what cannot be sent now is dropped."""

    async def publish(
        self, job: Job, *, step: int, steps: int, eta_s: float | None, preview: bytes, preview_type: str
    ) -> None:
        """Sends how far an attempt is, without waiting for anybody to have read it.

        Args:
            job: As its worker claimed it.
            step: Steps that are done.
            steps: Steps in all.
            eta_s: Estimated seconds to the end; None while unknown.
            preview: A small view of the state of things; empty for none.
            preview_type: Content type of the preview.
        """
        ...
