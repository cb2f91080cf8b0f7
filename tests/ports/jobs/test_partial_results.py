"""What a running attempt has made so far, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from atelier_jobs.domain.claims import Claim
from atelier_jobs.domain.job import Failure, Job
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.domain.states import State
from atelier_jobs.sql import schema
from atelier_jobs.worker.attempt import Attempt
from tests.ports.jobs.mesh import make_result, open_process, open_worker
from tests.ports.jobs.plane import Plane
from tests.support.nats import NatsServer
from tests.support.wait import eventually

BROKEN = Failure("BROKEN", "It broke.")


async def test_the_last_partial_result_is_returned_while_a_worker_holds_the_job(plane: Plane) -> None:
    job = await plane.submit()
    assert await plane.jobs.partial(job) is None
    claim = await plane.claim(job)
    assert await plane.jobs.partial(claim.job) is None
    assert await plane.claims.save_partial(claim, b"one frame")
    assert await plane.claims.save_partial(claim, b"two frames")
    assert await plane.jobs.partial(claim.job) == b"two frames"
    canceling = await plane.jobs.cancel("ada", job.id)
    assert await plane.claims.save_partial(claim, b"three frames")
    assert await plane.jobs.partial(canceling) == b"three frames"


async def test_a_lost_attempt_cannot_save_and_its_partial_result_is_not_returned(plane: Plane) -> None:
    zombie = await plane.claim(await plane.submit(), lease_s=0.05)
    assert await plane.claims.save_partial(zombie, b"zombie")
    await eventually(plane.reap)
    assert not await plane.claims.save_partial(zombie, b"zombie")
    heir = await plane.claim(await plane.again(zombie.job), worker="w2")
    assert not await plane.claims.save_partial(zombie, b"zombie")
    assert await plane.jobs.partial(heir.job) is None
    assert await plane.claims.save_partial(heir, b"heir")
    assert not await plane.claims.save_partial(zombie, b"zombie")
    assert await plane.jobs.partial(heir.job) == b"heir"
    assert await plane.jobs.partial(zombie.job) is None, "that attempt is over"


async def _expire(plane: Plane, _claim: Claim) -> None:
    await eventually(plane.reap)


async def _cancel(plane: Plane, claim: Claim) -> None:
    await plane.jobs.cancel("ada", claim.job.id)
    assert await plane.claims.cancel_done(claim)


ENDS: dict[str, Callable[[Plane, Claim], Awaitable[object]]] = {
    "success": lambda plane, claim: plane.claims.complete(claim, Outcome(b"result")),
    "failure": lambda plane, claim: plane.claims.fail(claim, BROKEN, retryable=False),
    "retry": lambda plane, claim: plane.claims.fail(claim, BROKEN),
    "release": lambda plane, claim: plane.claims.release(claim),
    "cancel": _cancel,
    "expiry": _expire,
    "restart": lambda plane, claim: plane.jobs.restart("ada", claim.job.id, b"new"),
    "answer": lambda plane, claim: plane.jobs.restart("ada", claim.job.id, b"new", result=b"cached"),
    "delete": lambda plane, claim: plane.jobs.delete("ada", claim.job.id),
}


@pytest.mark.parametrize("end", ENDS)
async def test_nothing_is_left_of_it_when_the_attempt_ends(plane: Plane, end: str) -> None:
    claim = await plane.claim(await plane.submit(), lease_s=0.2 if end == "expiry" else 30)
    assert await plane.claims.save_partial(claim, b"partial")
    await ENDS[end](plane, claim)
    assert await plane.rows(schema.partial_results) == []
    assert not await plane.claims.save_partial(claim, b"late")
    assert await plane.rows(schema.partial_results) == []


@pytest.mark.parametrize("end", ["success", "restart", "delete"])
async def test_a_partial_result_saved_at_the_end_of_the_job_is_deleted_too(plane: Plane, end: str) -> None:
    for _ in range(10):
        await plane.submit()
        [claim] = await plane.claim_some(1)
        await asyncio.gather(plane.claims.save_partial(claim, b"partial"), ENDS[end](plane, claim))
        assert await plane.rows(schema.partial_results) == []


async def test_a_worker_saves_a_partial_result_and_deletes_it(database_url: str, nats_server: NatsServer) -> None:
    may_end = asyncio.Event()

    async def keeps(job: Job, attempt: Attempt) -> bytes:
        await attempt.save_partial(b"half of " + job.spec)
        await may_end.wait()
        return await make_result(job, attempt)

    async with open_process(database_url, nats_server.url) as api, open_worker(api, keeps):
        job = await api.plane.submit()

        async def half_is_seen() -> bool:
            return await api.plane.jobs.partial(await api.plane.again(job)) == b"half of spec"

        await eventually(half_is_seen)
        may_end.set()

        async def ended() -> bool:
            return (await api.plane.again(job)).state is State.SUCCEEDED

        await eventually(ended)
        assert await api.plane.rows(schema.partial_results) == []


async def test_a_worker_whose_job_is_another_revision_now_stops_when_it_keeps(
    database_url: str, nats_server: NatsServer
) -> None:
    stopped: list[bool] = []

    async def keeps_for_ever(job: Job, attempt: Attempt) -> bytes:
        try:
            while job.revision == 1:
                await attempt.save_partial(b"old")
                await asyncio.sleep(0.005)
        finally:
            stopped.append(attempt.lost)
        return await make_result(job, attempt)

    async with (
        open_process(database_url, nats_server.url) as api,
        open_worker(api, keeps_for_ever, lease_s=300) as (worker, _),
    ):
        job = await api.plane.submit(spec=b"old")
        await eventually(lambda: worker.running_job_ids)
        await api.plane.jobs.restart("ada", job.id, b"new")

        async def made_of_new() -> bool:
            return (await api.plane.again(job)).result == b"made of new"

        await eventually(made_of_new)
        await eventually(lambda: sorted(stopped) == [False, True])
        assert await api.plane.rows(schema.partial_results) == []
