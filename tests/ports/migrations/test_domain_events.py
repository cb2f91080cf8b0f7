"""Events and progress of version 0.1.0, as this version reads them after the upgrade."""

from pathlib import Path

from sqlalchemy import Connection, text

from atelier.image.v1 import image_pb2
from atelier.video.v1 import video_pb2
from atelier_jobs.domain.event import JobEvent
from atelier_jobs.domain.history import History
from atelier_jobs.domain.outbox import Topic
from atelier_jobs.domain.progress import FINISHED, NOT_BEGUN
from atelier_jobs.domain.states import State
from atelier_jobs.sql.history import read_history
from atelier_jobs.sql.outbox import SqlOutbox
from atelier_jobs.sql.service_database import open_database
from atelier_jobs.wire.progress_messages import unpack_detail
from atelier_migrate.main import DATABASES
from atelier_service.migrations.upgrade import upgrade
from tests.ports.migrations.looking import on
from tests.ports.migrations.test_schemas import old_database


async def upgraded_history(name: str, url: str) -> History:
    """Everything that is recorded in a database after its upgrade."""
    await upgrade(url, DATABASES[name])
    async with open_database(url, origin="test") as database:
        return await read_history(database, accepted=[])


async def test_old_events_have_the_same_content(database_url: str, tmp_path: Path) -> None:
    history = await upgraded_history("image", await old_database("image", database_url, tmp_path / "old"))
    jobs = {job.id: job for job in history.jobs}
    ends = [event for event in history.events if event.state is State.SUCCEEDED]
    assert {event.cached for event in ends} == {True, False}
    for event in ends:
        job = jobs[event.job_id]
        assert event == JobEvent.of(job, event.time_us), "the end of a job says how it stands"
        if event.cached:
            assert event.progress == FINISHED
        else:
            said = unpack_detail(event.progress, image_pb2.ImageProgress)
            assert (event.progress.stage, event.progress.done, said.step, said.steps) == ("denoising", 12, 12, 12)
    begun = [event for event in history.events if event.state is State.RUNNING]
    assert {event.progress for event in begun} == {NOT_BEGUN}


async def test_old_progress_of_a_clip_is_that_of_its_frames(database_url: str, tmp_path: Path) -> None:
    history = await upgraded_history("video", await old_database("video", database_url, tmp_path / "old"))
    (made,) = (job for job in history.jobs if job.state is State.SUCCEEDED)
    assert (made.progress.stage, made.progress.done, made.progress.total) == ("encoding", 16, 16)
    said = unpack_detail(made.progress, video_pb2.VideoProgress)
    assert (said.step, said.steps, said.frame, said.frames, said.fraction) == (10, 10, 16, 16, 1.0)


async def test_old_events_that_were_on_their_way_go_out(database_url: str, tmp_path: Path) -> None:
    url = await old_database("image", database_url, tmp_path / "old")

    def put_back(connection: Connection) -> None:
        connection.execute(
            text(
                "INSERT INTO outbox (topic, job_id, owner, subject, message_id, payload, traceparent, origin, due_us)"
                " SELECT 'event', jobs.id, jobs.owner, 'events.' || jobs.owner || '.generation_progress.' || jobs.id,"
                " jobs.id || job_events.seq, payload, jobs.traceparent, 'gone', 1"
                " FROM job_events JOIN jobs ON jobs.id = job_id ORDER BY job_id, job_events.seq"
            )
        )

    await on(url, put_back)
    await upgrade(url, DATABASES["image"])

    async with open_database(url, origin="test") as database:
        history = await read_history(database, accepted=[])
        rows = (await SqlOutbox(database).pending([Topic.EVENT], 1000)).rows
    assert [JobEvent.from_bytes(row.payload) for row in rows] == list(history.events)
