"""Claims, fences, attempts and lost workers, on SQLite and on PostgreSQL."""

import asyncio
from dataclasses import replace

from atelier_jobs.domain.history import check
from atelier_jobs.domain.job import Failure, Job
from atelier_jobs.domain.outbox import Topic
from atelier_jobs.domain.outcome import Outcome, TransactionHook
from atelier_jobs.domain.states import State
from atelier_jobs.sql import schema
from atelier_jobs.sql.claims import SqlClaimStore
from atelier_jobs.sql.database import Transaction
from atelier_jobs.sql.history import read_history
from tests.ports.jobs.mesh import steps_done
from tests.ports.jobs.plane import Plane
from tests.support.wait import eventually

BROKEN = Failure("BROKEN", "It broke.")


async def test_eight_claims_at_the_same_time_have_one_winner(plane: Plane) -> None:
    job = await plane.submit()
    claims = await asyncio.gather(*(plane.claim_some(1, worker=f"w{n}") for n in range(8)))
    [won] = [claim for some in claims for claim in some]
    now = await plane.again(job)
    assert (now.state, now.epoch, now.attempt, now.worker) == (State.RUNNING, 1, 1, won.job.worker)
    assert await plane.states(job) == [State.QUEUED, State.RUNNING]


async def test_a_lease_runs_by_the_databases_own_clock(plane: Plane) -> None:
    claim = await plane.claim(await plane.submit(), lease_s=20)
    async with plane.database.write() as transaction:
        now = await transaction.now_us()
    assert 15_000_000 < claim.job.lease_until_us - now <= 20_000_000
    assert (await plane.claims.renew(claim, steps_done(3, 8))).mine
    renewed = await plane.again(claim.job)
    assert renewed.lease_until_us >= claim.job.lease_until_us
    assert renewed.progress == steps_done(3, 8)
    await plane.claims.renew(claim, steps_done(1, 8))
    await plane.claims.renew(claim)
    assert (await plane.again(claim.job)).progress == steps_done(3, 8)


async def test_a_job_that_was_given_back_is_claimed_again_when_its_delay_is_over(plane: Plane) -> None:
    claim = await plane.claim(await plane.submit())
    assert await plane.claims.release(claim, delay_s=0.3)
    assert not await plane.claim_some(1)

    async def claimed() -> bool:
        return bool(await plane.claim_some(1))

    await eventually(claimed)
    again = await plane.again(claim.job)
    assert (again.epoch, again.start_us - again.queue_us) > (1, 0)


async def test_a_success_is_recorded_once_and_saying_it_again_is_no_second_one(plane: Plane) -> None:
    claim = await plane.claim(await plane.submit())
    assert await plane.claims.complete(claim, Outcome(b"result"))
    assert await plane.claims.complete(claim, Outcome(b"result"))
    assert not await plane.claims.complete(claim, Outcome(b"another"))
    assert not await plane.claims.fail(claim, BROKEN)
    assert await plane.states(claim.job) == [State.QUEUED, State.RUNNING, State.SUCCEEDED]
    assert "cleanup" not in [topic for topic, _ in await plane.outbox_messages()]


async def test_what_belongs_to_a_success_is_written_with_it_and_not_for_a_zombie(plane: Plane) -> None:
    zombie = await plane.claim(await plane.submit(), lease_s=0.05)

    def marking(job: Job, outcome: Outcome) -> TransactionHook:
        async def mark(transaction: Transaction) -> None:
            await transaction.enqueue(Topic.CLEANUP, job, 0, message_id=outcome.cache_key)

        return mark

    claims = SqlClaimStore(plane.database, marking)
    await eventually(plane.reap)
    assert not await claims.complete(zombie, Outcome(b"late", "late"))
    assert "cleanup" not in [topic for topic, _ in await plane.outbox_messages()]
    holder = await plane.claim(await plane.again(zombie.job))
    assert await claims.complete(holder, Outcome(b"result", "key"))
    assert ("cleanup", "key") in await plane.outbox_messages()


async def test_an_expired_lease_is_queued_again_and_the_zombie_writes_nothing(plane: Plane) -> None:
    zombie = await plane.claim(await plane.submit(), lease_s=0.05)
    await eventually(plane.reap)
    queued = await plane.again(zombie.job)
    assert (queued.state, queued.faults) == (State.QUEUED, 1)
    heir = await plane.claim(queued, worker="w2")
    assert not (await plane.claims.renew(zombie)).mine
    assert not await plane.claims.complete(zombie, Outcome(b"zombie"))
    assert not await plane.claims.fail(zombie, BROKEN)
    assert not await plane.claims.release(zombie)
    assert not await plane.claims.cancel_done(zombie)
    assert await plane.claims.complete(heir, Outcome(b"heir"))
    done = await plane.again(zombie.job)
    assert (done.result, done.epoch, done.attempt) == (b"heir", 2, 2)
    assert "cleanup" in [topic for topic, _ in await plane.outbox_messages()]


async def test_an_expired_lease_of_a_job_that_is_being_canceled_ends_it(plane: Plane) -> None:
    claim = await plane.claim(await plane.submit(), lease_s=0.05)
    await plane.jobs.cancel("ada", claim.job.id)
    await eventually(plane.reap)
    assert (await plane.again(claim.job)).state is State.CANCELED


async def test_two_reconcilers_at_once_reap_a_job_once(plane: Plane) -> None:
    claims = [await plane.claim(await plane.submit(), lease_s=0.05) for _ in range(3)]
    reaped: list[int] = []

    async def all_reaped() -> bool:
        reaped.extend(await asyncio.gather(plane.upkeep.reap_expired(), plane.upkeep.reap_expired()))
        return sum(reaped) >= 3

    await eventually(all_reaped)
    assert sum(reaped) == 3
    for claim in claims:
        assert await plane.states(claim.job) == [State.QUEUED, State.RUNNING, State.QUEUED]


async def test_a_job_fails_after_its_last_attempt_and_leaves_a_dead_letter(plane: Plane) -> None:
    job = await plane.submit(max_attempts=2)
    assert await plane.claims.fail(await plane.claim(job), BROKEN, delay_s=0)
    job = await plane.again(job)
    assert (job.state, job.faults) == (State.QUEUED, 1)
    assert await plane.claims.fail(await plane.claim(job), BROKEN)
    job = await plane.again(job)
    assert (job.state, job.failure, job.attempt) == (State.FAILED, BROKEN, 2)
    [letter] = await plane.rows(schema.dead_letters)
    assert (letter["job_id"], letter["failure_reason"], letter["attempt"]) == (job.id, "BROKEN", 2)
    last = (await plane.told(job))[-1]
    assert (last.state, last.failure) == (State.FAILED, BROKEN)
    assert ("event", f"{job.id}:e{job.seq}") in await plane.outbox_messages()


async def test_a_fault_that_cannot_be_helped_fails_at_once(plane: Plane) -> None:
    claim = await plane.claim(await plane.submit(max_attempts=5))
    assert await plane.claims.fail(claim, BROKEN, retryable=False)
    assert (await plane.again(claim.job)).state is State.FAILED


async def test_faults_of_the_infrastructure_consume_no_attempt(plane: Plane) -> None:
    job = await plane.submit(max_attempts=1)
    for number in range(1, 6):
        claim = await plane.claim(await plane.again(job))
        assert claim.job.attempt == number
        assert await plane.claims.release(claim)
    job = await plane.again(job)
    assert (job.state, job.faults) == (State.QUEUED, 0)
    assert await plane.claims.complete(await plane.claim(job), Outcome(b"at last"))


async def test_the_delay_before_the_next_attempt_doubles(plane: Plane) -> None:
    job = await plane.submit(max_attempts=5)
    delays = []
    for _ in range(3):
        claim = await plane.claim(await plane.again(job))
        await plane.claims.fail(claim, BROKEN, delay_s=10)
        job = await plane.again(job)
        delays.append(round((job.due_us - job.queue_us) / 1e6))
        await plane.make_due(job)
    assert delays == [10, 20, 40]


async def test_a_failure_that_meets_a_cancel_is_a_stop(plane: Plane) -> None:
    for write in ("fail", "release"):
        claim = await plane.claim(await plane.submit())
        await plane.jobs.cancel("ada", claim.job.id)
        if write == "fail":
            assert await plane.claims.fail(claim, BROKEN)
        else:
            assert await plane.claims.release(claim)
        assert (await plane.again(claim.job)).state is State.CANCELED


async def test_cancel_against_success_has_one_winner_and_one_end(plane: Plane) -> None:
    for _ in range(8):
        claim = await plane.claim(await plane.submit())
        _, succeeded = await asyncio.gather(
            plane.jobs.cancel("ada", claim.job.id), plane.claims.complete(claim, Outcome(b"result"))
        )
        if not succeeded:
            assert await plane.claims.cancel_done(claim)
        state = (await plane.again(claim.job)).state
        assert state is (State.SUCCEEDED if succeeded else State.CANCELED)
        assert sum(state.terminal for state in await plane.states(claim.job)) == 1


async def test_old_keys_and_sent_rows_are_purged_and_young_ones_stay(plane: Plane) -> None:
    job = await plane.submit(idempotency_key="key", request_hash=b"1")
    rows = (await plane.outbox.pending([Topic.EVENT], 10)).rows
    await plane.outbox.mark_sent([row.id for row in rows])
    await plane.upkeep.purge(sent_after_s=60, keys_after_s=60)
    assert await plane.jobs.repeat_of("ada", "key", b"1") == job
    assert len(await plane.rows(schema.outbox)) == 1
    await plane.upkeep.purge(sent_after_s=-1, keys_after_s=-1)
    assert await plane.jobs.repeat_of("ada", "key", b"1") is None
    assert not await plane.rows(schema.outbox)


async def test_files_are_removed_but_for_the_epoch_that_won(plane: Plane) -> None:
    claim = await plane.claim(await plane.submit())
    await plane.claims.discard(claim)
    row = (await plane.outbox.pending([Topic.CLEANUP], 10)).rows[0]
    assert await plane.outbox.cleanup_of(row) is None, "it runs: its end will ask again"
    await plane.claims.complete(claim, Outcome(b"result"))
    what = await plane.outbox.cleanup_of(row)
    assert what is not None
    assert (what.job_id, what.owner, what.keep_epoch) == (claim.job.id, "ada", 1)
    await plane.jobs.delete("ada", claim.job.id)
    what = await plane.outbox.cleanup_of(row)
    assert what is not None
    assert what.keep_epoch == 0


async def test_a_result_of_a_job_that_was_deleted_meanwhile_is_removed_and_an_id_that_was_made_up_removes_nothing(
    plane: Plane,
) -> None:
    claim = await plane.claim(await plane.submit())
    await plane.claims.discard(replace(claim, job=replace(claim.job, id="of-another-kind")))
    assert (await plane.outbox.pending([Topic.CLEANUP], 10)).rows == []
    await plane.jobs.delete("ada", claim.job.id)
    await plane.claims.discard(claim)
    rows = (await plane.outbox.pending([Topic.CLEANUP], 10)).rows
    assert [row.job_id for row in rows] == [claim.job.id] * 2


async def test_a_clean_up_that_was_done_waits_for_its_second_time(plane: Plane) -> None:
    claim = await plane.claim(await plane.submit())
    await plane.claims.discard(claim)
    [first] = (await plane.outbox.pending([Topic.CLEANUP], 10)).rows
    await plane.outbox.schedule_repeat(first.id, 60)
    assert (await plane.outbox.pending([Topic.CLEANUP], 10)).rows == []
    await plane.outbox.postpone(first.id, 0)
    [again] = (await plane.outbox.pending([Topic.CLEANUP], 10)).rows
    assert (first.is_repeat, again.is_repeat) == (False, True)


async def test_all_recorded_histories_are_valid(plane: Plane) -> None:
    jobs = [await plane.submit(max_attempts=1) for _ in range(4)]
    await plane.claims.complete(await plane.claim(jobs[0]), Outcome(b"result"))
    await plane.claims.fail(await plane.claim(jobs[1]), BROKEN)
    await plane.jobs.cancel("ada", jobs[2].id)
    claim = await plane.claim(jobs[3])
    await plane.claims.complete(
        await plane.claim(await plane.jobs.restart("ada", jobs[3].id, b"new")), Outcome(b"second")
    )
    assert not await plane.claims.complete(claim, Outcome(b"zombie"))
    history = await read_history(plane.database, accepted=[job.id for job in jobs])
    assert check(history) == []
