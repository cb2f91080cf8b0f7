"""How a job's one count reads in its events."""

from dataclasses import replace

from atelier.jobs.v1 import job_pb2
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.states import State
from atelier_jobs.events.factory import EventFactory, progress_message
from tests.unit.jobs.test_states import NEW

STEPS, FRAMES = 20, 16


def clip_progress(job: Job) -> job_pb2.Progress:
    """20 denoising steps, then 16 frames that are encoded."""
    frame = max(0, job.step - STEPS)
    return job_pb2.Progress(step=min(job.step, STEPS), steps=STEPS, fraction=job.fraction, frame=frame, frames=FRAMES)


def test_kept_events_snapshots_and_steps_read_the_count_in_the_same_way() -> None:
    events = EventFactory(progress=clip_progress)
    job = replace(NEW, state=State.RUNNING, step=24, steps=36)
    step = events.step(
        replace(job, step=0, steps=0), 1, step=24, steps=36, eta_s=1.5, preview=b"", preview_type=""
    ).generation_progress.progress
    assert step.eta_s == 1.5
    step.ClearField("eta_s")
    asked = job_pb2.Progress(step=20, steps=20, fraction=24 / 36, frame=4, frames=16)
    assert events.changed(job, 1).generation_progress.progress == asked
    assert events.snapshot(job, 1).snapshot.progress == asked
    assert step == asked


def test_unless_told_otherwise_a_count_is_that_of_steps() -> None:
    job = replace(NEW, state=State.RUNNING, step=2, steps=8)
    asked = job_pb2.Progress(step=2, steps=8, fraction=0.25)
    assert progress_message(job) == asked
    assert EventFactory().changed(job, 1).generation_progress.progress == asked
    done = replace(job, state=State.SUCCEEDED, step=0, steps=0)
    assert progress_message(done) == job_pb2.Progress(fraction=1.0)
