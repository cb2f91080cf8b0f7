"""Which jobs a claim takes, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from atelier_jobs.domain.claim_order import Priority
from atelier_jobs.domain.claims import Claim
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.states import State
from atelier_jobs.domain.store import Limits
from atelier_jobs.sql.claims import SqlClaimStore
from tests.ports.jobs.plane import Plane, open_plane


def _ids(claims: Sequence[Claim]) -> list[str]:
    return [claim.job.id for claim in claims]


async def test_a_claim_takes_as_many_as_the_worker_can_hold_and_no_more(plane: Plane) -> None:
    jobs = [await plane.submit() for _ in range(5)]
    assert _ids(await plane.claim_some(3)) == [job.id for job in jobs[:3]]
    assert _ids(await plane.claim_some(3)) == [job.id for job in jobs[3:]]
    assert not await plane.claim_some(3)


async def test_the_one_job_of_an_owner_starts_next_after_five_hundred_of_another(plane: Plane) -> None:
    for _ in range(500):
        await plane.submit("much")
    assert [claim.job.owner for claim in await plane.claim_some(1)] == ["much"]
    job = await plane.submit("little")
    assert _ids(await plane.claim_some(1)) == [job.id]


async def test_owners_share_by_cost_and_not_by_number(plane: Plane) -> None:
    for _ in range(4):
        await plane.submit("large", cost=4.0)
    for _ in range(16):
        await plane.submit("small", cost=1.0)
    owners = [claim.job.owner for claim in await plane.claim_some(10)]
    assert (owners.count("large"), owners.count("small")) == (2, 8)


async def test_the_higher_priority_is_claimed_first(plane: Plane) -> None:
    made = {priority: await plane.submit(priority=priority) for priority in Priority}
    assert _ids(await plane.claim_some(3)) == [made[priority].id for priority in reversed(Priority)]


async def test_of_a_priority_that_fell_behind_a_second_owner_is_next_too(plane: Plane) -> None:
    for _ in range(20):
        await plane.submit("much", priority=Priority.LOW)
        await plane.submit("busy")
    assert {claim.job.owner for claim in await plane.claim_some(20)} == {"busy"}
    await plane.submit("little", priority=Priority.LOW)
    assert [claim.job.owner for claim in await plane.claim_some(2)] == ["much", "little"]


async def test_an_owner_who_queues_cheap_jobs_and_makes_them_dear_gets_no_more_than_a_share(plane: Plane) -> None:
    for job in [await plane.submit("sly", cost=0.01) for _ in range(6)]:
        await plane.jobs.restart("sly", job.id, b"dear", cost=10.0)
    for _ in range(6):
        await plane.submit("fair", cost=10.0)
    owners = [claim.job.owner for claim in await plane.claim_some(6)]
    assert (owners.count("sly"), owners.count("fair")) == (3, 3)


async def test_a_loaded_model_is_preferred_and_what_a_worker_cannot_do_is_left(plane: Plane) -> None:
    jobs = {name: await plane.submit(affinity=name) for name in ("a", "b", "c", "")}
    assert _ids(await plane.claim_some(1, loaded=frozenset("b"))) == [jobs["b"].id]
    assert _ids(await plane.claim_some(9, accepts=frozenset("c"))) == [jobs["c"].id, jobs[""].id]
    assert _ids(await plane.claim_some(9)) == [jobs["a"].id]


async def test_a_kind_claims_its_own_jobs_only(plane: Plane) -> None:
    await plane.submit(kind="video")
    assert not await plane.claim_some(1)
    others = replace(plane, claims=SqlClaimStore(plane.database))
    assert len(await others.claim_some(1, kind="video")) == 1


async def test_what_a_job_was_submitted_with_stays_with_it(plane: Plane) -> None:
    job = await plane.submit(
        priority=Priority.HIGH, parent_id="parent", labels={"project": "atlas", "ü": "ß"}, cost=2.5, affinity="model"
    )
    [claim] = await plane.claim_some(1)
    assert (claim.job.id, claim.job.spec) == (job.id, job.spec)
    now = await plane.again(job)
    assert (now.priority, now.parent_id, now.labels) == (Priority.HIGH, "parent", {"project": "atlas", "ü": "ß"})
    assert (now.cost, now.affinity, now.virtual_finish - now.virtual_start) == (2.5, "model", 2.5)
    assert now.state is State.RUNNING


async def test_a_job_that_is_given_back_keeps_its_place(plane: Plane) -> None:
    first, second = await plane.submit(), await plane.submit()
    await plane.claims.release(await plane.claim(first))
    assert _ids(await plane.claim_some(2)) == [first.id, second.id]


async def test_many_workers_at_once_claim_every_job_once(database_url: str) -> None:
    async with open_plane(database_url) as one, open_plane(database_url) as two:
        jobs = [await one.submit(f"owner-{number % 7}") for number in range(60)]
        claimed: list[str] = []

        async def work(plane: Plane, worker: str) -> None:
            while claims := await plane.claim_some(2, worker=worker):
                claimed.extend(_ids(claims))

        await asyncio.gather(*(work(plane, f"w{number}") for number in range(6) for plane in (one, two)))
        assert sorted(claimed) == sorted(job.id for job in jobs)
        for job in jobs:
            assert await one.states(job) == [State.QUEUED, State.RUNNING]


async def test_far_from_the_limits_many_submits_at_once_are_counted_without_a_lock_and_stay_within_them(
    database_url: str,
) -> None:
    limits = Limits(max_queued=4_000, max_live_per_owner=150)
    async with open_plane(database_url) as one, open_plane(database_url) as two:

        async def submit(plane: Plane) -> list[Job | BaseException]:
            tries = (plane.submit(limits=limits) for _ in range(100))
            return await asyncio.gather(*tries, return_exceptions=True)

        made = [job for some in await asyncio.gather(submit(one), submit(two)) for job in some if isinstance(job, Job)]
        assert len(made) == 150
