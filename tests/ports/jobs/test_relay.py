"""From the outbox to the real broker, also when it dies in the middle."""

import asyncio
from pathlib import Path

import pytest
from nats.js.errors import NotFoundError

from atelier.events.v1 import events_pb2
from atelier_jobs.domain.job import Failure
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.messaging.bus import Bus, Message
from atelier_jobs.messaging.subjects import EVENTS_STREAM
from atelier_jobs.sql import schema
from tests.ports.jobs.mesh import Process, open_process
from tests.ports.jobs.plane import open_plane
from tests.support.nats import NatsServer
from tests.support.wait import eventually


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A database that several processes may write."""
    return f"sqlite:///{tmp_path / 'jobs.db'}"


async def _count(bus: Bus, stream: str) -> int:
    """Messages that a stream holds; 0 when it is not there."""
    try:
        return (await bus.jetstream.stream_info(stream)).state.messages
    except NotFoundError:
        return 0


async def _sent(process: Process) -> bool:
    rows = await process.plane.rows(schema.outbox)
    return bool(rows) and all(row["sent_us"] for row in rows if row["topic"] != "cleanup")


async def test_what_is_committed_goes_out_at_once_under_its_id(database_url: str, nats_server: NatsServer) -> None:
    async with open_process(database_url, nats_server.url) as api, api.bus.subscribe("jobs.*", "events.>") as heard:
        await api.bus.connection_after(0)
        job = await api.plane.submit("a.da", traceparent="00-" + "ab" * 16 + "-" + "cd" * 8 + "-01")
        messages: list[Message] = []
        while len(messages) < 2:
            message = await heard.next(5)
            if message is not None:
                messages.append(message)
        event, wake_up = messages
        assert wake_up.subject == "jobs.image", "after the event"
        assert event.subject == f"events.a%2Eda.generation_progress.{job.id}"
        assert event.headers["Nats-Msg-Id"] == f"{job.id}:e1"
        assert event.headers["traceparent"].split("-")[1] == "ab" * 16
        told = events_pb2.Event.FromString(event.data)
        assert (told.job_id, told.seq) == (job.id, 1)
        await eventually(lambda: _sent(api))


async def test_events_are_made_into_messages_when_they_go_out_and_a_failure_is_said_to_persons_too(
    database_url: str, nats_server: NatsServer
) -> None:
    async with open_process(database_url, nats_server.url) as api, api.bus.subscribe("events.>") as heard:
        await api.bus.connection_after(0)
        made, broken = await api.plane.submit(), await api.plane.submit(max_attempts=1)
        await api.plane.claims.complete(await api.plane.claim(made), Outcome(b"result"))
        await api.plane.claims.fail(await api.plane.claim(broken), Failure("BROKEN", "It broke."))
        messages: dict[str, events_pb2.Event] = {}

        async def all_arrived() -> bool:
            message = await heard.next(0.1)
            if message is not None:
                messages[message.headers["Nats-Msg-Id"]] = events_pb2.Event.FromString(message.data)
            return len(messages) == 7

        await eventually(all_arrived)
    update = messages[f"{made.id}:e3"].generation_progress
    assert (update.terminal, list(update.content_urls)) == (True, [f"/content/{made.id}"])
    assert messages[f"{broken.id}:e3"].generation_progress.error.reason == "BROKEN"
    error = messages[f"{broken.id}:e3:error"]
    assert (error.type, error.error_notification.error.message) == ("error.notification", "It broke.")


async def test_a_submit_is_recorded_while_the_broker_is_down_and_goes_out_when_it_comes(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    nats_server.kill()
    async with open_process(sqlite_url, nats_server.url) as api:
        for _ in range(3):
            await api.plane.submit()
        assert not api.bus.connected
        nats_server.start()
        await eventually(lambda: _sent(api))
        assert await _count(api.bus, EVENTS_STREAM) == 3


async def test_everything_arrives_once_though_the_broker_is_killed_in_the_middle(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    async with open_process(sqlite_url, nats_server.url) as api:
        await api.bus.connection_after(0)
        submitting = asyncio.create_task(_submit_many(api, 120))
        for _ in range(2):
            await eventually(lambda: not submitting.done() and api.bus.connected)
            nats_server.kill()
            nats_server.start()
        jobs = await submitting
        await eventually(lambda: _sent(api), timeout_s=30)
        assert await _count(api.bus, EVENTS_STREAM) == len(jobs)


async def _submit_many(api: Process, count: int) -> list[str]:
    return [(await api.plane.submit()).id for _ in range(count)]


async def test_two_relays_publish_nothing_twice_and_one_takes_over_what_the_other_left(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    async with open_plane(sqlite_url, origin="died") as dead:
        job_ids = {(await dead.submit()).id for _ in range(20)}
    async with (
        open_process(sqlite_url, nats_server.url, origin="one") as one,
        open_process(sqlite_url, nats_server.url, origin="two") as two,
    ):
        await asyncio.gather(_submit_many(one, 20), _submit_many(two, 20))
        await eventually(lambda: _sent(one), timeout_s=15)
        assert await _count(one.bus, EVENTS_STREAM) == 60
        assert job_ids


async def test_a_broker_that_lost_its_disk_gets_its_stream_back(sqlite_url: str, nats_server: NatsServer) -> None:
    async with open_process(sqlite_url, nats_server.url) as api:
        await api.plane.submit()
        await eventually(lambda: _sent(api))
        nats_server.kill()
        nats_server.forget()
        nats_server.start()
        await eventually(lambda: api.bus.connections >= 2)
        await api.plane.submit()

        async def only_the_second() -> bool:
            return await _count(api.bus, EVENTS_STREAM) == 1

        await eventually(only_the_second)


async def test_the_work_queue_of_former_releases_is_removed(sqlite_url: str, nats_server: NatsServer) -> None:
    async with Bus.open(nats_server.url, name="former") as former:
        await former.connection_after(0)
        await former.jetstream.add_stream(name="JOBS", subjects=["jobs.*"])
        async with open_process(sqlite_url, nats_server.url) as api:
            await api.plane.submit()
            await eventually(lambda: _sent(api))
            with pytest.raises(NotFoundError):
                await former.jetstream.stream_info("JOBS")


async def test_a_job_that_is_tried_again_wakes_workers_when_it_is_due(sqlite_url: str, nats_server: NatsServer) -> None:
    async with open_process(sqlite_url, nats_server.url) as api, api.bus.subscribe("jobs.image") as heard:
        await api.bus.connection_after(0)
        job = await api.plane.submit()
        while await heard.next(5) is None:
            continue
        await api.plane.claims.fail(await api.plane.claim(job), Failure("BROKEN", "It broke."), delay_s=0.4)
        assert await heard.next(5) is not None
        assert [claim.job.id for claim in await api.plane.claim_some(1)] == [job.id]


async def test_files_of_an_ended_job_are_removed_by_the_process_that_can(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    async with (
        open_process(sqlite_url, nats_server.url, origin="worker") as worker,
        open_process(sqlite_url, nats_server.url, origin="api", cleans=True) as api,
    ):
        job = await worker.plane.submit(max_attempts=1)
        await worker.plane.claims.fail(await worker.plane.claim(job), Failure("BROKEN", "It broke."))
        await eventually(lambda: api.cleanups)
        assert [(c.job_id, c.owner, c.keep_epoch) for c in api.cleanups] == [(job.id, "ada", 0)]


async def test_files_are_removed_once_more_later_and_then_no_more(sqlite_url: str, nats_server: NatsServer) -> None:
    async with open_process(sqlite_url, nats_server.url, cleans=True, late_s=0.1) as api:
        job = await api.plane.submit()
        await api.plane.claim(job)
        await api.plane.jobs.delete("ada", job.id)

        async def done() -> bool:
            rows = [row for row in await api.plane.rows(schema.outbox) if row["topic"] == "cleanup"]
            return bool(rows) and all(row["sent_us"] for row in rows)

        await eventually(done)
        assert [c.keep_epoch for c in api.cleanups] == [0, 0]


async def test_a_deleted_stream_is_created_again(sqlite_url: str, nats_server: NatsServer) -> None:
    async with open_process(sqlite_url, nats_server.url) as api:
        await api.plane.submit()
        await eventually(lambda: _sent(api))
        await api.bus.jetstream.delete_stream(EVENTS_STREAM)
        await api.plane.submit()

        async def is_back() -> bool:
            return await _count(api.bus, EVENTS_STREAM) == 1

        await eventually(is_back)
