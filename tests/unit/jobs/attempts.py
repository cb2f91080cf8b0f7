"""Attempts without a job plane around them."""

from dataclasses import replace
from typing import Any

from opentelemetry.context import Context

from atelier_jobs.domain.progress import Progress
from atelier_jobs.domain.states import State
from atelier_jobs.worker.attempt import Attempt
from tests.unit.image.test_image_messages import QUEUED

TOKEN = "the token of the job"
RUNNING = replace(QUEUED, state=State.RUNNING, epoch=4, attempt=1)


class Reports:
    """Stands where steps are published, and keeps them."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.stages: list[str] = []
        self.previews: list[bytes] = []
        self.etas_s: list[float | None] = []

    def report(self, progress: Progress, *, eta_s: float | None, preview: bytes, preview_content_type: str) -> None:
        self.steps.append(progress.done)
        self.stages.append(progress.stage)
        self.etas_s.append(eta_s)
        if preview:
            self.previews.append(preview)


def an_attempt(reports: Reports | None = None) -> Attempt:
    reporter: Any = reports or Reports()
    return Attempt(RUNNING, reporter, Context(), token=TOKEN)
