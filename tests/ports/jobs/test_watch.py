"""Streams of one job: nothing missed, nothing twice, one end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import cast

import pytest

from atelier.events.v1.events_pb2 import Event
from atelier_jobs.domain.event import JobEvent
from atelier_jobs.domain.job import Failure, Job
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.domain.progress import Progress
from atelier_jobs.domain.states import State
from atelier_jobs.domain.store import JobStore
from atelier_jobs.events.shared_event import SharedEvent
from atelier_jobs.events.watch import Watching
from atelier_jobs.worker.attempt import Attempt
from atelier_service.errors import NotFoundError, UnavailableError
from tests.ports.jobs.mesh import Process, make_result, open_process, open_worker, steps_done
from tests.support.nats import NatsServer
from tests.support.wait import eventually


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A database that several processes may write."""
    return f"sqlite:///{tmp_path / 'jobs.db'}"


def watching_of(api: Process, **options: float) -> Watching:
    """Watches jobs as the API process does."""
    return Watching(api.plane.jobs, api.bus, api.plane.events, **options)


class Watcher:
    """Collects a stream in the background."""

    def __init__(
        self,
        api: Process,
        job: Job,
        *,
        after_seq: int | None = None,
        heartbeat_s: float = 15.0,
        ephemeral: bool = True,
        watching: Watching | None = None,
    ) -> None:
        self.events: list[Event] = []
        watching = watching or watching_of(api, heartbeat_s=heartbeat_s)
        self._stream = watching.events(job.owner, job.id, after_seq, ephemeral=ephemeral)
        self._task = asyncio.create_task(self._collect())

    async def _collect(self) -> None:
        async for shared in self._stream:
            self.events.append(shared.event)

    async def end(self, timeout_s: float = 10) -> list[Event]:
        """Every event, when the stream has ended."""
        async with asyncio.timeout(timeout_s):
            await self._task
        return self.events

    async def saw(self, condition: Callable[[Event], bool]) -> None:
        """Waits for an event."""
        await eventually(lambda: any(condition(event) for event in self.events))


def _states(events: list[Event]) -> list[tuple[int, State]]:
    """Number and state of every durable event, without steps."""
    kept = [e for e in events if e.type == "generation.progress" and not e.generation_progress.progress.done]
    return [(e.seq, State(e.generation_progress.state)) for e in kept]


def _is_story(events: list[Event]) -> bool:
    """One end, at the end; seq and steps never go back."""
    progress = [e.snapshot if e.HasField("snapshot") else e.generation_progress for e in events if e.seq]
    ends = [p.terminal for p in progress]
    seqs = [e.seq for e in events if e.seq]
    steps = [(e.seq, p.progress.fraction) for e, p in zip([e for e in events if e.seq], progress, strict=True)]
    return ends[-1] and sum(ends) == 1 and seqs == sorted(seqs) and steps == sorted(steps)


async def _with_steps(job: Job, attempt: Attempt) -> bytes:
    for step in range(1, 21):
        attempt.report(steps_done(step, 20), eta_s=0.1, preview=b"jpeg %d" % step)
        attempt.check()
        await asyncio.sleep(0.03)
    return await make_result(job, attempt)


async def test_a_stream_yields_snapshot_steps_previews_and_one_end(database_url: str, nats_server: NatsServer) -> None:
    async with open_process(database_url, nats_server.url) as api:
        job = await api.plane.submit()
        watcher = Watcher(api, job)
        await watcher.saw(lambda event: event.HasField("snapshot"))
        async with open_worker(api, _with_steps):
            events = await watcher.end()
        assert _is_story(events)
        assert (events[0].type, events[0].seq, State(events[0].snapshot.state)) == (
            "generation.snapshot",
            1,
            State.QUEUED,
        )
        assert _states(events)[0] == (2, State.RUNNING)
        assert (events[-1].seq, State(events[-1].generation_progress.state)) == (3, State.SUCCEEDED)
        assert list(events[-1].generation_progress.content_urls) == [f"/content/{job.id}"]
        steps = [e for e in events if e.generation_progress.progress.done and not e.generation_progress.terminal]
        assert 3 <= len(steps) <= 12, "at most ten a second, over 0.6 s"
        previews = [e for e in steps if e.generation_progress.preview]
        assert 1 <= len(previews) <= 3, "at most two a second"
        assert {e.generation_progress.preview_content_type for e in previews} == {"image/jpeg"}


async def test_a_wait_for_the_end_receives_no_steps(sqlite_url: str, nats_server: NatsServer) -> None:
    async with open_process(sqlite_url, nats_server.url) as api:
        job = await api.plane.submit()
        watcher, brief = Watcher(api, job), Watcher(api, job, ephemeral=False)
        for each in (watcher, brief):
            await each.saw(lambda event: event.HasField("snapshot"))
        async with open_worker(api, _with_steps):
            told = await watcher.end()
            kept = await brief.end()
        assert any(event.generation_progress.preview for event in told)
        assert [event.seq for event in kept] == [1, 2, 3]


def _frames_done(frame: int) -> Progress:
    return Progress(stage="encoding", done=frame, total=16, unit="frame", fraction=0.9 + frame / 160)


async def test_a_later_stage_is_followed_though_it_counts_from_zero_again(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    came = asyncio.Event()

    async def encodes(job: Job, attempt: Attempt) -> bytes:
        attempt.report(Progress(stage="denoising", done=20, total=20, unit="step", fraction=0.9))
        await came.wait()
        for frame in range(1, 17):
            attempt.report(_frames_done(frame))
            await asyncio.sleep(0.03)
        return await make_result(job, attempt)

    async with open_process(sqlite_url, nats_server.url) as api, open_worker(api, encodes, lease_s=0.3):
        job = await api.plane.submit()

        async def is_stored() -> bool:
            return (await api.plane.again(job)).progress.done == 20

        await eventually(is_stored)
        watcher = Watcher(api, job)
        await watcher.saw(lambda event: event.snapshot.progress.stage == "denoising")
        came.set()
        told = [event.generation_progress.progress for event in (await watcher.end())[1:] if event.seq]
        frames = [progress.done for progress in told if progress.stage == "encoding"]
        assert frames == sorted(frames)
        assert any(0 < frame < 16 for frame in frames)
        assert (frames[-1], told[-1].fraction) == (16, 1.0)


async def test_whenever_a_watcher_comes_it_sees_one_end(sqlite_url: str, nats_server: NatsServer) -> None:
    async with open_process(sqlite_url, nats_server.url) as api, open_worker(api, _with_steps):
        job = await api.plane.submit()
        watchers = []
        for _ in range(20):
            watchers.append(Watcher(api, job))
            await asyncio.sleep(0.05)  # so that they come at different moments of the job's life
        for watcher in watchers:
            assert _is_story(await watcher.end())
        [late] = await Watcher(api, job).end()
        assert late.snapshot.terminal


async def test_resuming_after_a_number_misses_nothing_and_repeats_nothing(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    async with open_process(sqlite_url, nats_server.url) as api:
        job = await api.plane.submit(max_attempts=2)
        await api.plane.claims.fail(await api.plane.claim(job), Failure("BROKEN", "It broke."), delay_s=0)
        await api.plane.claims.complete(await api.plane.claim(await api.plane.again(job)), Outcome(b"result"))
        whole = [(1, State.QUEUED), (2, State.RUNNING), (3, State.QUEUED), (4, State.RUNNING), (5, State.SUCCEEDED)]
        for after in range(5):
            events = await Watcher(api, job, after_seq=after).end()
            assert _states(events) == whole[after:]
        [ended] = await Watcher(api, job, after_seq=5).end()
        assert ended.snapshot.terminal


async def test_a_resumed_stream_goes_on_live(sqlite_url: str, nats_server: NatsServer) -> None:
    async with open_process(sqlite_url, nats_server.url) as api:
        job = await api.plane.submit()
        watcher = Watcher(api, job, after_seq=1)
        async with open_worker(api):
            assert _states(await watcher.end()) == [(2, State.RUNNING), (3, State.SUCCEEDED)]


async def test_after_a_lost_message_the_next_heartbeat_leads_to_the_end(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    nats_server.kill()
    async with open_process(sqlite_url, nats_server.url) as api:
        job = await api.plane.submit()
        watcher = Watcher(api, job, heartbeat_s=0.2)
        await watcher.saw(lambda event: event.HasField("heartbeat"))
        await api.plane.claims.complete(await api.plane.claim(job), Outcome(b"result"))
        events = await watcher.end()
        assert _is_story(events)
        assert _states(events) == [(2, State.RUNNING), (3, State.SUCCEEDED)]


async def test_a_stream_outlives_a_killed_broker(sqlite_url: str, nats_server: NatsServer) -> None:
    async with open_process(sqlite_url, nats_server.url) as api:
        await api.bus.connection_after(0)
        job = await api.plane.submit()
        watcher = Watcher(api, job)
        await watcher.saw(lambda event: event.HasField("snapshot"))
        nats_server.kill()
        claim = await api.plane.claim(job)
        nats_server.start()
        await watcher.saw(lambda event: State(event.generation_progress.state or 1) is State.RUNNING)
        await api.plane.claims.complete(claim, Outcome(b"result"))
        assert _states(await watcher.end()) == [(2, State.RUNNING), (3, State.SUCCEEDED)]


async def test_a_job_made_anew_ends_the_stream_of_its_old_revision(sqlite_url: str, nats_server: NatsServer) -> None:
    async with open_process(sqlite_url, nats_server.url) as api:
        claim = await api.plane.claim(await api.plane.submit())
        watcher = Watcher(api, claim.job)
        await watcher.saw(lambda event: event.HasField("snapshot"))
        anew = await api.plane.jobs.restart("ada", claim.job.id, b"new")
        last = (await watcher.end())[-1].generation_progress
        assert (last.revision, State(last.state), last.error.reason) == (1, State.CANCELED, "SUPERSEDED")
        next_one = Watcher(api, anew)
        await next_one.saw(lambda event: event.HasField("snapshot"))  # or the end is all that it is told, as a snapshot
        await api.plane.claims.complete(await api.plane.claim(anew), Outcome(b"result"))
        assert (await next_one.end())[-1].generation_progress.revision == 2


@pytest.mark.parametrize("broker", ["up", "down"])
async def test_a_deleted_job_ends_its_streams(sqlite_url: str, nats_server: NatsServer, broker: str) -> None:
    if broker == "down":
        nats_server.kill()
    async with open_process(sqlite_url, nats_server.url) as api:
        job = await api.plane.submit()
        watcher = Watcher(api, job, heartbeat_s=0.2 if broker == "down" else 15.0)
        await watcher.saw(lambda event: event.HasField("snapshot"))
        await api.plane.jobs.delete("ada", job.id)
        last = (await watcher.end())[-1]
        assert (last.seq, State(last.generation_progress.state)) == (2, State.CANCELED)
        assert last.generation_progress.error.reason == "DELETED"
        assert last.generation_progress.terminal


async def test_a_job_of_another_owner_cannot_be_watched(sqlite_url: str, nats_server: NatsServer) -> None:
    async with open_process(sqlite_url, nats_server.url) as api:
        job = await api.plane.submit("ada")
        with pytest.raises(NotFoundError):
            await anext(watching_of(api).events("bob", job.id))


async def test_waiting_returns_the_end_or_the_current_job(sqlite_url: str, nats_server: NatsServer) -> None:
    async with open_process(sqlite_url, nats_server.url) as api:
        job = await api.plane.submit()

        watching = watching_of(api)
        assert (await watching.end("ada", job.id, 0.1)).state is State.QUEUED
        async with open_worker(api):
            assert (await watching.end("ada", job.id, 10)).state is State.SUCCEEDED


async def test_who_watches_together_is_given_the_same_events(sqlite_url: str, nats_server: NatsServer) -> None:
    async with open_process(sqlite_url, nats_server.url) as api:
        job = await api.plane.submit()
        watching = watching_of(api)
        streams = [watching.events("ada", job.id) for _ in range(20)]
        for stream in streams:
            assert (await anext(stream)).event.HasField("snapshot")
        async with open_worker(api, _with_steps):
            told = await asyncio.gather(*(_kept_of(stream) for stream in streams))
        assert [shared.event.seq for shared in told[0]] == [2, 3]
        # The very same objects: each was read, and is encoded, once.
        assert all(kept == told[0] for kept in told)


async def _kept_of(stream: AsyncIterator[SharedEvent]) -> list[SharedEvent]:
    events = [shared async for shared in stream]
    return [shared for shared in events if shared.event.generation_progress.terminal or not _step_of(shared.event)]


def _step_of(event: Event) -> int:
    return event.generation_progress.progress.done


async def test_a_slow_watcher_loses_no_durable_event_and_receives_the_newest_step(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    async with open_process(sqlite_url, nats_server.url, reconciles=False) as api:
        job = await api.plane.submit(max_attempts=1000)
        watching = watching_of(api)
        slow, quick = watching.events("ada", job.id), Watcher(api, job, watching=watching)
        await anext(slow)  # and nothing more, for as long as all this takes
        await quick.saw(lambda event: event.HasField("snapshot"))
        for _ in range(60):
            claim = await api.plane.claim(await api.plane.again(job))
            await api.plane.claims.fail(claim, Failure("BROKEN", "It broke."), delay_s=0)
        await api.plane.claims.complete(await api.plane.claim(await api.plane.again(job)), Outcome(b"result"))
        await quick.end()

        seqs = [shared.event.seq async for shared in slow]

        assert seqs == list(range(2, 124))


async def test_more_watchers_receive_fewer_steps_and_every_durable_event(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    async with open_process(sqlite_url, nats_server.url) as api:
        job = await api.plane.submit()
        watching = watching_of(api, rate_per_s=0.001)  # one step for each watcher would take a quarter of an hour
        watchers = [Watcher(api, job, watching=watching) for _ in range(3)]
        for watcher in watchers:
            await watcher.saw(lambda event: event.HasField("snapshot"))
        async with open_worker(api, _with_steps):
            for watcher in watchers:
                events = await watcher.end()
                assert _is_story(events)
                assert [e.seq for e in events if e.generation_progress.terminal or not _step_of(e)] == [1, 2, 3]
                assert len(events) <= 4, "one step at most"


class _Interrupted:
    """A store that is unavailable at times."""

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs
        self.available = True

    async def get(self, owner: str, job_id: str) -> Job:
        self._check()
        return await self._jobs.get(owner, job_id)

    async def events_after(self, job_id: str, seq: int) -> Sequence[JobEvent]:
        self._check()
        return await self._jobs.events_after(job_id, seq)

    def _check(self) -> None:
        if not self.available:
            raise UnavailableError("DATABASE_UNAVAILABLE", "the database does not answer; try again", retry_after_s=1)


async def test_without_the_database_all_streams_end_and_the_next_watcher_begins_anew(
    sqlite_url: str, nats_server: NatsServer
) -> None:
    async with open_process(sqlite_url, nats_server.url) as api:
        job = await api.plane.submit()
        store = _Interrupted(api.plane.jobs)
        watching = Watching(cast(JobStore, store), api.bus, api.plane.events, heartbeat_s=0.1)
        streams = [watching.events("ada", job.id) for _ in range(3)]
        for stream in streams:
            await anext(stream)
        store.available = False
        for stream in streams:
            with pytest.raises(UnavailableError):
                async for _ in stream:
                    pass
        store.available = True
        again = watching.events("ada", job.id)
        assert (await anext(again)).event.HasField("snapshot")
        await again.aclose()
