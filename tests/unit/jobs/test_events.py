"""Domain events: stored whole, and made into messages where they are sent."""

from dataclasses import replace

import pytest

from atelier.events.v1 import events_pb2
from atelier.image.v1 import image_pb2
from atelier.jobs.v1 import job_pb2
from atelier_jobs.domain.event import JobEvent
from atelier_jobs.domain.job import Failure, Job
from atelier_jobs.domain.progress import NOT_BEGUN, Progress
from atelier_jobs.domain.states import State
from atelier_jobs.events.event_json import event_fields
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.wire.progress_messages import pack_detail, progress_from, progress_message, unpack_detail
from tests.unit.jobs.test_states import NEW

DETAIL = image_pb2.ImageProgress(step=2, steps=8, fraction=0.25)
HALFWAY = Progress(stage="denoising", done=2, total=8, unit="step", fraction=0.25, detail=pack_detail(DETAIL))
RUNNING = replace(NEW, state=State.RUNNING, attempt=1, epoch=1, seq=2, progress=HALFWAY)
FAILED = replace(NEW, state=State.FAILED, seq=3, failure=Failure("BROKEN", "It broke."))
MADE = replace(RUNNING, state=State.SUCCEEDED, seq=3, result=b"\xff\x00 any bytes")


@pytest.mark.parametrize("job", [NEW, RUNNING, FAILED, MADE])
def test_an_event_is_read_as_it_was_stored(job: Job) -> None:
    event = JobEvent.of(job, 7)
    assert JobEvent.from_bytes(event.to_bytes()) == event


def test_durable_events_snapshots_and_ephemeral_events_have_the_same_progress() -> None:
    events = EventFactory()
    said = progress_message(HALFWAY)
    ephemeral = events.advanced(replace(RUNNING, progress=NOT_BEGUN), 1, HALFWAY, eta_s=1.5).generation_progress
    assert ephemeral.progress.eta_s == 1.5
    ephemeral.progress.ClearField("eta_s")
    assert ephemeral.progress == said
    assert events.changed(JobEvent.of(RUNNING, 1)).generation_progress.progress == said
    assert events.snapshot(RUNNING, 1).snapshot.progress == said
    assert progress_from(said) == HALFWAY


def test_a_progress_contains_the_detail_of_its_kind() -> None:
    assert unpack_detail(HALFWAY, image_pb2.ImageProgress) == DETAIL
    assert unpack_detail(NOT_BEGUN, image_pb2.ImageProgress) == image_pb2.ImageProgress()
    assert progress_message(NOT_BEGUN) == job_pb2.Progress()


def test_addresses_are_made_when_the_event_is_sent_from_its_result() -> None:
    stored = JobEvent.of(MADE, 7).to_bytes()
    moved = EventFactory(lambda job_id, result: [f"/moved/{job_id}/{len(result)}"])
    assert list(moved.changed(JobEvent.from_bytes(stored)).generation_progress.content_urls) == ["/moved/job/12"]


def test_a_failure_has_an_event_of_its_own_for_users() -> None:
    error = EventFactory().failed(JobEvent.of(FAILED, 1)).error_notification
    assert (error.kind, error.error.reason, error.error.message) == ("image", "BROKEN", "It broke.")


def test_json_of_an_event_names_the_fields_of_a_detail() -> None:
    said = event_fields(EventFactory().snapshot(RUNNING, 1))["snapshot"]["progress"]
    assert said == {
        "fraction": 0.25, "stage": "denoising", "done": 2, "total": 8, "unit": "step",
        "detail": {
            "@type": "type.googleapis.com/atelier.image.v1.ImageProgress", "step": 2, "steps": 8, "fraction": 0.25,
        },
    }  # fmt: skip


@pytest.mark.parametrize("payload", ["snapshot", "generation_progress"])
def test_a_detail_of_a_kind_that_is_not_known_here_is_left_out_of_json(payload: str) -> None:
    event = events_pb2.Event(type="generation.progress", seq=2)
    getattr(event, payload).progress.fraction = 0.5
    getattr(event, payload).progress.detail.type_url = "type.googleapis.com/atelier.music.v1.MusicProgress"
    fields = event_fields(event)
    assert fields["seq"] == 2
    assert fields[payload]["progress"]["fraction"] == 0.5
    assert "detail" not in fields[payload]["progress"]
    assert getattr(event, payload).progress.HasField("detail"), "the event itself goes on as it is"
