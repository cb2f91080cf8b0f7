"""The owner's side of the job store, on SQLite and on PostgreSQL."""

import asyncio
import os
from pathlib import Path

import pytest

from atelier_jobs.domain.event import JobEvent
from atelier_jobs.domain.job import Failure
from atelier_jobs.domain.outbox import Topic
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.domain.states import State
from atelier_jobs.domain.store import Limits, Submission
from atelier_jobs.domain.transitions import SUPERSEDED
from atelier_jobs.sql import schema
from atelier_jobs.sql.database import Transaction
from atelier_service.errors import AlreadyExistsError, NotFoundError, ResourceExhaustedError, UnavailableError
from atelier_service.ids import uuid7
from tests.ports.jobs.plane import Plane, open_plane


def _keyed(job_id: str, request_hash: bytes = b"hash") -> Submission:
    return Submission(
        job_id=job_id, owner="ada", kind="image", spec=b"spec", idempotency_key="key", request_hash=request_hash
    )


async def test_a_submit_records_the_job_and_its_first_event_together(plane: Plane) -> None:
    job = await plane.submit(traceparent="00-" + "ab" * 16 + "-" + "cd" * 8 + "-01")
    assert job == await plane.again(job)
    assert (job.state, job.revision, job.attempt, job.seq) == (State.QUEUED, 1, 0, 1)
    [event] = await plane.told(job)
    assert event == JobEvent.of(job, job.create_us)
    assert (event.seq, event.state.terminal) == (1, False)
    assert await plane.outbox_messages() == [("event", f"{job.id}:e1")]


async def test_a_second_submit_with_the_same_key_returns_the_first_job(plane: Plane) -> None:
    first = await plane.jobs.submit(_keyed(uuid7()))
    second = await plane.jobs.submit(_keyed(uuid7()))
    assert (first.repeated, second.repeated) == (False, True)
    assert second.job == first.job
    assert await plane.jobs.repeat_of("ada", "key", b"hash") == first.job
    assert len(await plane.rows(schema.jobs)) == 1


async def test_another_request_under_the_same_key_is_refused(plane: Plane) -> None:
    await plane.jobs.submit(_keyed(uuid7()))
    with pytest.raises(AlreadyExistsError) as caught:
        await plane.jobs.submit(_keyed(uuid7(), b"other"))
    assert caught.value.reason == "IDEMPOTENCY_KEY_REUSED"
    with pytest.raises(AlreadyExistsError):
        await plane.jobs.repeat_of("ada", "key", b"other")
    assert len(await plane.rows(schema.jobs)) == 1


async def test_sixteen_submits_under_one_key_at_the_same_time_make_one_job(plane: Plane) -> None:
    answers = await asyncio.gather(*(plane.jobs.submit(_keyed(uuid7())) for _ in range(16)))
    assert len({answer.job.id for answer in answers}) == 1
    assert [answer.repeated for answer in answers].count(False) == 1
    assert len(await plane.rows(schema.jobs)) == 1
    assert len(await plane.rows(schema.outbox)) == 1


async def test_a_key_belongs_to_its_owner(plane: Plane) -> None:
    mine = await plane.submit("ada", idempotency_key="key", request_hash=b"1")
    theirs = await plane.submit("bob", idempotency_key="key", request_hash=b"2")
    assert mine.id != theirs.id


async def test_a_full_queue_refuses_and_writes_nothing(plane: Plane) -> None:
    limits = Limits(max_queued=2, retry_after_s=7)
    for _ in range(2):
        await plane.submit(limits=limits)
    before = [len(await plane.rows(table)) for table in schema.metadata.sorted_tables]
    with pytest.raises(ResourceExhaustedError) as caught:
        await plane.submit("bob", limits=limits, idempotency_key="key")
    assert (caught.value.reason, caught.value.retry_after_s) == ("QUEUE_FULL", 7)
    assert [len(await plane.rows(table)) for table in schema.metadata.sorted_tables] == before


async def test_an_owner_over_the_quota_is_refused_and_others_are_not(plane: Plane) -> None:
    limits = Limits(max_live_per_owner=1)
    first = await plane.submit("ada", limits=limits)
    with pytest.raises(ResourceExhaustedError) as caught:
        await plane.submit("ada", limits=limits)
    assert caught.value.reason == "QUOTA_EXCEEDED"
    await plane.submit("bob", limits=limits)
    await plane.jobs.cancel("ada", first.id)
    await plane.submit("ada", limits=limits)


async def test_the_last_free_place_is_given_once(plane: Plane) -> None:
    limits = Limits(max_queued=3)
    answers = await asyncio.gather(*(plane.submit(limits=limits) for _ in range(12)), return_exceptions=True)
    assert sum(isinstance(answer, ResourceExhaustedError) for answer in answers) == 9
    assert len(await plane.rows(schema.jobs)) == 3


async def test_a_cache_hit_is_born_done_even_when_the_queue_is_full(plane: Plane) -> None:
    waiting = await plane.submit()
    job = await plane.submit(result=b"result", limits=Limits(max_queued=1))
    assert (job.state, job.cached, job.result, job.progress.fraction) == (State.SUCCEEDED, True, b"result", 1.0)
    [event] = await plane.told(job)
    assert event.state.terminal
    assert event.cached
    assert event.result == b"result"
    assert [claim.job.id for claim in await plane.claim_some(2)] == [waiting.id]


async def test_a_job_of_another_owner_is_not_found_exactly_like_a_missing_one(plane: Plane) -> None:
    job = await plane.submit("ada")
    for act in (
        plane.jobs.get("bob", job.id),
        plane.jobs.cancel("bob", job.id),
        plane.jobs.delete("bob", job.id),
        plane.jobs.restart("bob", job.id, b"x"),
        plane.jobs.get("ada", "none"),
    ):
        with pytest.raises(NotFoundError) as caught:
            await act
        assert caught.value.reason == "JOB_NOT_FOUND"
        assert caught.value.message == "There is no such job."
    assert await plane.again(job) == job


async def test_lists_are_newest_first_and_page_to_the_end_without_gaps(plane: Plane) -> None:
    jobs = [await plane.submit() for _ in range(5)]
    await plane.submit("bob")
    await plane.submit(kind="video")
    await plane.jobs.cancel("ada", jobs[2].id)
    newest_first = [job.id for job in sorted(jobs, key=lambda job: job.id, reverse=True)]
    seen: list[str] = []
    before = ""
    while True:
        page = await plane.jobs.list("ada", kind="image", before=before, limit=2)
        seen += [job.id for job in page.jobs]
        before = page.next_before
        if not before:
            break
    assert seen == newest_first
    canceled = await plane.jobs.list("ada", kind="image", states=[State.CANCELED])
    assert [job.id for job in canceled.jobs] == [jobs[2].id]
    assert (await plane.jobs.list("ada", kind="image", limit=5)).next_before == ""


async def test_a_queued_job_takes_a_new_spec_in_place(plane: Plane) -> None:
    job = await plane.submit()
    changed = await plane.jobs.restart("ada", job.id, b"new")
    assert (changed.state, changed.revision, changed.spec) == (State.QUEUED, 1, b"new")
    assert (await plane.claim(job)).job.spec == b"new"


async def test_a_running_job_is_made_anew_and_the_running_attempt_is_fenced(plane: Plane) -> None:
    claim = await plane.claim(await plane.submit())
    changed = await plane.jobs.restart("ada", claim.job.id, b"new")
    assert (changed.state, changed.revision, changed.attempt, changed.spec) == (State.QUEUED, 2, 0, b"new")
    assert not (await plane.claims.renew(claim)).mine
    assert not await plane.claims.complete(claim, Outcome(b"old result"))
    story = [(e.revision, e.state) for e in await plane.jobs.events_after(changed.id, 0)]
    assert story == [(1, State.QUEUED), (1, State.RUNNING), (1, State.CANCELED), (2, State.QUEUED)]
    assert (await plane.told(changed))[2].failure == SUPERSEDED
    assert ("hint", "") in await plane.outbox_messages()
    again = await plane.claim(changed)
    assert again.epoch > claim.epoch
    assert await plane.claims.complete(again, Outcome(b"new result"))
    assert (await plane.again(changed)).result == b"new result"


async def test_a_finished_job_is_made_anew_as_the_next_revision_with_fresh_attempts(plane: Plane) -> None:
    job = await plane.submit(max_attempts=1)
    await plane.claims.fail(await plane.claim(job), Failure("BROKEN", "It broke."))
    assert (await plane.again(job)).state is State.FAILED
    changed = await plane.jobs.restart("ada", job.id, b"new")
    assert (changed.revision, changed.state, changed.failure, changed.faults) == (2, State.QUEUED, None, 0)
    assert (changed.start_us, changed.finish_us) == (0, 0)
    assert await plane.claims.complete(await plane.claim(changed), Outcome(b"fine"))


async def test_a_job_made_anew_from_the_cache_is_done_at_once(plane: Plane) -> None:
    job = await plane.submit()
    await plane.claims.complete(await plane.claim(job), Outcome(b"first"))
    changed = await plane.jobs.restart("ada", job.id, b"new", result=b"cached")
    assert (changed.state, changed.revision, changed.cached) == (State.SUCCEEDED, 2, True)
    assert [event.seq for event in await plane.told(changed)] == [1, 2, 3, 4]
    in_place = await plane.submit()
    done = await plane.jobs.restart("ada", in_place.id, b"new", result=b"cached")
    assert (done.state, done.revision) == (State.SUCCEEDED, 1)
    assert not await plane.claim_some(1)


async def test_a_queued_job_is_canceled_at_once_and_never_claimed(plane: Plane) -> None:
    job = await plane.submit()
    canceled = await plane.jobs.cancel("ada", job.id)
    assert canceled.state is State.CANCELED
    assert await plane.jobs.cancel("ada", job.id) == canceled
    assert not await plane.claim_some(1)


async def test_a_running_job_is_canceling_until_its_worker_has_stopped(plane: Plane) -> None:
    claim = await plane.claim(await plane.submit())
    canceling = await plane.jobs.cancel("ada", claim.job.id)
    assert canceling.cancel_requested
    assert await plane.jobs.cancel("ada", claim.job.id) == canceling
    renewal = await plane.claims.renew(claim)
    assert (renewal.mine, renewal.cancel_requested) == (True, True)
    assert not await plane.claims.complete(claim, Outcome(b"too late"))
    assert await plane.claims.cancel_done(claim)
    done = await plane.again(claim.job)
    assert (done.state, done.result) == (State.CANCELED, None)
    assert await plane.jobs.cancel("ada", claim.job.id) == done


async def test_a_deleted_job_leaves_no_row_fences_its_worker_and_has_its_files_removed(plane: Plane) -> None:
    claim = await plane.claim(await plane.submit(idempotency_key="key"))
    await plane.jobs.delete("ada", claim.job.id)
    assert not await plane.claims.complete(claim, Outcome(b"too late"))
    for table in (schema.jobs, schema.job_events, schema.idempotency_keys, schema.dead_letters):
        assert not await plane.rows(table)
    topics = [topic for topic, _ in await plane.outbox_messages()]
    assert topics[-3:] == ["event", "hint", "cleanup"]
    assert (await plane.submit(idempotency_key="key")).id != claim.job.id


async def test_queue_counts_contain_length_and_oldest_wait(plane: Plane) -> None:
    await plane.submit()
    await plane.submit(kind="video")
    await plane.submit()
    assert await plane.claim_some(1)
    counts = await plane.jobs.queue_counts("image")
    assert (counts.queued, counts.running) == (1, 1)
    assert 0 <= counts.oldest_wait_s < 60
    assert (await plane.jobs.queue_counts("none")).queued == 0


async def test_the_error_of_an_unavailable_database_has_no_internals(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    async with open_plane(url) as plane:
        await plane.database.engine.dispose()
        os.rename(tmp_path, f"{tmp_path}-moved")
        for act in (plane.submit(), plane.jobs.get("ada", "job"), plane.upkeep.reap_expired()):
            with pytest.raises(UnavailableError) as caught:
                await act
            assert caught.value.reason == "DATABASE_UNAVAILABLE"
            assert "sqlite" not in caught.value.message.lower()


async def test_what_belongs_to_a_submit_is_written_with_it_or_not_at_all(plane: Plane) -> None:
    async def mark(transaction: Transaction) -> None:
        await transaction.enqueue(Topic.CLEANUP, a_job, 0)

    async def fail(transaction: Transaction) -> None:
        await mark(transaction)
        raise ArithmeticError

    a_job = await plane.submit()
    with pytest.raises(ArithmeticError):
        await plane.jobs.submit(_keyed(uuid7()), hook=fail)
    assert len((await plane.jobs.list("ada", kind="image")).jobs) == 1
    assert (await plane.jobs.submit(_keyed(uuid7()), hook=mark)).repeated is False
    assert (await plane.jobs.submit(_keyed(uuid7()), hook=mark)).repeated is True
    with pytest.raises(ArithmeticError):
        await plane.jobs.restart("ada", a_job.id, b"new", hook=fail)
    assert (await plane.again(a_job)).spec == b"spec"
    assert [topic for topic, _ in await plane.outbox_messages()].count("cleanup") == 1
