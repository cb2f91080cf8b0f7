"""The worker loop with a real broker and a real database."""

import asyncio
from pathlib import Path

import pytest

from atelier_jobs.domain.history import check
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.states import State
from atelier_jobs.sql.history import read_history
from atelier_jobs.worker.attempt import Attempt, InfrastructureFault, JobFault, Stopped
from tests.ports.jobs.mesh import Process, make_result, open_process, open_worker, steps_done
from tests.support.nats import NatsServer
from tests.support.wait import eventually


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A database that several processes may write."""
    return f"sqlite:///{tmp_path / 'jobs.db'}"


async def _ends(api: Process, *jobs: Job, timeout_s: float = 15) -> list[Job]:
    """The jobs when all have ended, and their history found good."""

    async def all_ended() -> bool:
        return all([(await api.plane.again(job)).state.terminal for job in jobs])

    await eventually(all_ended, timeout_s=timeout_s)
    history = await read_history(api.plane.database, accepted=[job.id for job in jobs])
    assert check(history) == []
    return [await api.plane.again(job) for job in jobs]


async def _until_stopped(job: Job, attempt: Attempt) -> bytes:
    """A handler that makes steps for ever."""
    while True:
        attempt.check()
        await asyncio.sleep(0.005)


async def test_submitted_jobs_are_made_and_leave_nothing_in_hand(database_url: str, nats_server: NatsServer) -> None:
    async with open_process(database_url, nats_server.url) as api, open_worker(api) as (worker, _):
        jobs = [await api.plane.submit(spec=b"%d" % number) for number in range(10)]
        for number, job in enumerate(await _ends(api, *jobs)):
            assert (job.state, job.result, job.attempt) == (State.SUCCEEDED, b"made of %d" % number, 1)
        await eventually(lambda: worker.running_job_ids == ())


async def test_a_poison_job_fails_after_its_attempts_and_does_not_stop_the_others(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    async def poisoned(job: Job, attempt: Attempt) -> bytes:
        if job.spec == b"poison":
            raise ValueError("/secret/path")
        if job.spec == b"invalid":
            raise JobFault("MODEL_BROKEN", "The model cannot be read.", retryable=False)
        return await make_result(job, attempt)

    async with open_process(sqlite_url, nats_server.url) as api, open_worker(api, poisoned) as (_, handler):
        poison = await api.plane.submit(spec=b"poison", max_attempts=3)
        invalid = await api.plane.submit(spec=b"invalid", max_attempts=3)
        good = [await api.plane.submit() for _ in range(5)]
        bad, broken, *rest = await _ends(api, poison, invalid, *good)
        assert (bad.state, bad.attempt) == (State.FAILED, 3)
        assert bad.failure is not None
        assert (bad.failure.reason, bad.failure.message) == ("INTERNAL", "internal error")
        assert broken.failure is not None
        assert (broken.failure.reason, broken.attempt) == ("MODEL_BROKEN", 1)
        assert {job.state for job in rest} == {State.SUCCEEDED}
        assert [job_id for job_id, _ in handler.ran].count(poison.id) == 3


async def test_a_job_waits_out_an_outage_without_losing_an_attempt(sqlite_url: str, nats_server: NatsServer) -> None:
    outages = iter([True, True, True, False])

    async def meets_outage(job: Job, attempt: Attempt) -> bytes:
        if next(outages):
            raise InfrastructureFault("storage is away")
        return await make_result(job, attempt)

    async with open_process(sqlite_url, nats_server.url) as api, open_worker(api, meets_outage):
        [job] = await _ends(api, await api.plane.submit(max_attempts=1))
        assert (job.state, job.faults, job.attempt) == (State.SUCCEEDED, 0, 4)


async def test_cancel_reaches_the_running_handler_at_once_by_its_hint(sqlite_url: str, nats_server: NatsServer) -> None:
    async with (
        open_process(sqlite_url, nats_server.url) as api,
        # A lease so long that no heartbeat could have told it.
        open_worker(api, _until_stopped, lease_s=300) as (worker, _),
    ):
        job = await api.plane.submit()
        await eventually(lambda: worker.running_job_ids)
        await api.plane.jobs.cancel("ada", job.id)
        [ended] = await _ends(api, job)
        assert ended.state is State.CANCELED


async def test_cancel_at_every_moment_ends_every_job_exactly_once(sqlite_url: str, nats_server: NatsServer) -> None:
    async def a_few_steps(job: Job, attempt: Attempt) -> bytes:
        for _ in range(5):
            attempt.check()
            await asyncio.sleep(0.004)
        return await make_result(job, attempt)

    async with open_process(sqlite_url, nats_server.url) as api, open_worker(api, a_few_steps):
        jobs = []
        for number in range(25):
            job = await api.plane.submit()
            jobs.append(job)
            await asyncio.sleep(number * 0.003)  # a moment each, from before the claim to after the end
            await api.plane.jobs.cancel("ada", job.id)
        ended = await _ends(api, *jobs)
        assert {job.state for job in ended} <= {State.CANCELED, State.SUCCEEDED}
        assert ended[0].state is State.CANCELED


async def test_a_running_job_that_is_made_anew_stops_and_its_next_revision_is_made(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    async def first_for_ever(job: Job, attempt: Attempt) -> bytes:
        return await (_until_stopped(job, attempt) if job.revision == 1 else make_result(job, attempt))

    async with (
        open_process(sqlite_url, nats_server.url, cleans=True) as api,
        open_worker(api, first_for_ever, lease_s=300) as (worker, handler),
    ):
        job = await api.plane.submit(spec=b"old")
        await eventually(lambda: worker.running_job_ids)
        await api.plane.jobs.restart("ada", job.id, b"new")
        [ended] = await _ends(api, job)
        assert (ended.revision, ended.result) == (2, b"made of new")
        await eventually(lambda: worker.running_job_ids == ())
        assert len(handler.ran) == 2
        await eventually(lambda: [c.keep_epoch for c in api.cleanups] and api.cleanups[-1].keep_epoch == ended.epoch)


async def test_a_deleted_job_stops_and_the_files_of_its_attempt_are_removed(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    async with (
        open_process(sqlite_url, nats_server.url, cleans=True) as api,
        open_worker(api, _until_stopped, lease_s=300) as (worker, _),
    ):
        job = await api.plane.submit()
        await eventually(lambda: worker.running_job_ids)
        await api.plane.jobs.delete("ada", job.id)
        await eventually(lambda: worker.running_job_ids == ())
        # Once for the deletion, once more for what the attempt may have stored after it.
        await eventually(lambda: [c.keep_epoch for c in api.cleanups] == [0, 0])


async def test_a_worker_that_stops_gives_its_job_back_without_a_fault(sqlite_url: str, nats_server: NatsServer) -> None:
    async with open_process(sqlite_url, nats_server.url) as api:
        job = await api.plane.submit(max_attempts=1)
        async with open_worker(api, _until_stopped, lease_s=300, grace_s=0.1) as (worker, _):
            await eventually(lambda: worker.running_job_ids)
        queued = await api.plane.again(job)
        assert (queued.state, queued.faults) == (State.QUEUED, 0)
        async with open_worker(api, worker_id="w2"):
            [ended] = await _ends(api, job)
        assert (ended.state, ended.attempt, ended.epoch) == (State.SUCCEEDED, 2, 2)


async def test_a_worker_that_stops_lets_a_job_end_that_ends_in_time(sqlite_url: str, nats_server: NatsServer) -> None:
    may_end = asyncio.Event()

    async def ends_when_told(job: Job, attempt: Attempt) -> bytes:
        await may_end.wait()
        return await make_result(job, attempt)

    async with open_process(sqlite_url, nats_server.url) as api:
        job = await api.plane.submit()
        async with open_worker(api, ends_when_told) as (worker, _):
            await eventually(lambda: worker.running_job_ids)
            asyncio.get_running_loop().call_later(0.2, may_end.set)
        assert (await api.plane.again(job)).state is State.SUCCEEDED


async def test_a_handler_that_ignores_cancellation_is_abandoned_when_the_worker_stops(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    async def deaf(job: Job, attempt: Attempt) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with open_process(sqlite_url, nats_server.url) as api:
        job = await api.plane.submit()
        async with open_worker(api, deaf, lease_s=300, grace_s=0.1) as (worker, _):
            await eventually(lambda: worker.running_job_ids)
        assert (await api.plane.again(job)).state is State.QUEUED


async def test_an_attempt_that_takes_too_long_counts_as_a_fault(sqlite_url: str, nats_server: NatsServer) -> None:
    async with (
        open_process(sqlite_url, nats_server.url) as api,
        open_worker(api, _until_stopped, lease_s=0.6, attempt_timeout_s=0.3),
    ):
        [ended] = await _ends(api, await api.plane.submit(max_attempts=2))
        assert ended.failure is not None
        assert (ended.failure.reason, ended.attempt) == ("ATTEMPT_TIMEOUT", 2)


async def test_heartbeats_keep_a_job_that_runs_longer_than_its_lease(sqlite_url: str, nats_server: NatsServer) -> None:
    async def three_leases(job: Job, attempt: Attempt) -> bytes:
        for step in range(1, 31):
            attempt.report(steps_done(step, 30))
            await asyncio.sleep(0.06)
            attempt.check()
        return await make_result(job, attempt)

    async with (
        open_process(sqlite_url, nats_server.url) as api,
        open_worker(api, three_leases, lease_s=0.6) as (_, handler),
    ):
        [job] = await _ends(api, await api.plane.submit())
        assert (job.state, job.attempt) == (State.SUCCEEDED, 1)
        assert job.progress.total == 30
        assert len(handler.ran) == 1


async def test_work_goes_on_through_a_killed_broker(sqlite_url: str, nats_server: NatsServer) -> None:
    async def quick(job: Job, attempt: Attempt) -> bytes:
        await asyncio.sleep(0.01)
        return await make_result(job, attempt)

    async with open_process(sqlite_url, nats_server.url) as api, open_worker(api, quick, lease_s=3) as (_, handler):
        jobs = []
        for number in range(60):
            jobs.append(await api.plane.submit())
            if number in (20, 40):
                nats_server.kill()
                nats_server.start()
        ended = await _ends(api, *jobs, timeout_s=40)
        assert {job.state for job in ended} == {State.SUCCEEDED}
        assert len(handler.ran) == len(jobs)


async def test_a_handler_that_stops_unasked_has_failed(sqlite_url: str, nats_server: NatsServer) -> None:
    async def stops(job: Job, attempt: Attempt) -> bytes:
        raise Stopped

    async with open_process(sqlite_url, nats_server.url) as api, open_worker(api, stops):
        [ended] = await _ends(api, await api.plane.submit(max_attempts=1))
        assert ended.state is State.FAILED


async def test_a_broker_that_is_unavailable_delays_work_and_does_not_stop_it(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    nats_server.kill()
    async with (
        open_process(sqlite_url, nats_server.url, origin="api") as api,
        open_process(sqlite_url, nats_server.url, origin="worker", reconciles=False) as process,
        open_worker(process, poll_s=0.2),
    ):
        ended = await _ends(api, *[await api.plane.submit() for _ in range(3)])
        assert {job.state for job in ended} == {State.SUCCEEDED}
        assert not api.bus.connected


async def test_a_worker_of_another_process_is_woken_and_does_not_wait_until_it_looks_by_itself(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    async with (
        open_process(sqlite_url, nats_server.url, origin="api") as api,
        open_process(sqlite_url, nats_server.url, origin="worker", reconciles=False) as process,
        open_worker(process, poll_s=300),
    ):
        await process.bus.connection_after(0)
        await api.bus.connection_after(0)
        for _ in range(3):
            await _ends(api, await api.plane.submit(), timeout_s=10)


async def test_a_worker_holds_as_many_jobs_as_its_capacity(sqlite_url: str, nats_server: NatsServer) -> None:
    may_end = asyncio.Event()

    async def ends_when_told(job: Job, attempt: Attempt) -> bytes:
        await may_end.wait()
        return await make_result(job, attempt)

    async with (
        open_process(sqlite_url, nats_server.url) as api,
        open_worker(api, ends_when_told, capacity=5) as (
            worker,
            _,
        ),
    ):
        jobs = [await api.plane.submit() for _ in range(7)]
        await eventually(lambda: len(worker.running_job_ids) == 5)
        assert (await api.plane.jobs.queue_counts("image")).queued == 2
        may_end.set()
        await _ends(api, *jobs)
