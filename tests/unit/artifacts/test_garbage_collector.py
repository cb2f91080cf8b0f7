"""Which files go."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from atelier_artifacts.domain.garbage_collector import GarbageCollector
from atelier_artifacts.domain.result_cache import Settled
from atelier_artifacts.domain.stored_files import Producer
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.states import State
from atelier_service.errors import UnavailableError
from tests.unit.image.test_image_messages import QUEUED, RESULT

SUCCEEDED = replace(QUEUED, id="j", state=State.SUCCEEDED, epoch=3)
RESULT_OF_J = replace(RESULT, source=Producer("j", 3)).to_bytes()
RESULT_OF_K = replace(RESULT, source=Producer("k", 1)).to_bytes()


class World:
    """Jobs, references and storage, all at once."""

    def __init__(self, *jobs: Job, settled: dict[str, Settled] | None = None) -> None:
        self.jobs = {job.id: job for job in jobs}
        self.settled = settled or {}
        self.deleted: list[tuple[str, int, int]] = []
        self.forgotten: list[tuple[str, Producer]] = []
        self.storage_is_away = False

    async def settle(self, job_id: str, current: Callable[[Job | None], Producer | None]) -> Settled | None:
        job = self.jobs.get(job_id)
        if job is not None and not job.state.terminal:
            return None
        return replace(self.settled.get(job_id, Settled(None, frozenset(), ())), job=job)

    async def forget(self, job_id: str, source: Producer) -> None:
        self.forgotten.append((job_id, source))

    async def delete_of_job(self, job_id: str, *, keep_epoch: int, up_to_epoch: int) -> None:
        if self.storage_is_away:
            raise UnavailableError("STORAGE_UNAVAILABLE", "away")
        self.deleted.append((job_id, keep_epoch, up_to_epoch))


def collector(world: Any) -> GarbageCollector:
    return GarbageCollector(world, world)


async def test_of_a_finished_job_the_epoch_that_won_stays_and_later_ones_are_left_alone() -> None:
    world = World(replace(SUCCEEDED, result=RESULT_OF_J))
    await collector(world).collect("j")
    assert world.deleted == [("j", 3, 3)]


async def test_of_a_canceled_job_nothing_stays() -> None:
    world = World(replace(SUCCEEDED, state=State.CANCELED))
    await collector(world).collect("j")
    assert world.deleted == [("j", 0, 3)]


async def test_of_a_job_that_is_gone_nothing_stays() -> None:
    world = World()
    await collector(world).collect("j")
    assert world.deleted == [("j", 0, 0)]


async def test_a_job_that_is_made_anew_is_left_alone() -> None:
    world = World(replace(SUCCEEDED, state=State.RUNNING))
    await collector(world).collect("j")
    assert world.deleted == []


async def test_files_that_another_image_refers_to_stay() -> None:
    world = World(settled={"j": Settled(None, frozenset({2}), ())})
    await collector(world).collect("j")
    assert world.deleted == [("j", 2, 0)]


async def test_when_two_epochs_are_referred_to_nothing_goes_yet() -> None:
    world = World(replace(SUCCEEDED, result=RESULT_OF_J), settled={"j": Settled(None, frozenset({2}), ())})
    await collector(world).collect("j")
    assert world.deleted == []


async def test_released_files_are_deleted_when_no_other_job_refers_to_them() -> None:
    world = World(settled={"j": Settled(None, frozenset(), (Producer("k", 1),))})
    await collector(world).collect("j")
    assert ("k", 0, 0) in world.deleted
    assert world.forgotten == [("j", Producer("k", 1))]


async def test_what_was_let_go_of_is_not_forgotten_before_it_was_looked_at() -> None:
    world = World(settled={"j": Settled(None, frozenset(), (Producer("k", 1),))})
    world.storage_is_away = True
    with pytest.raises(UnavailableError):
        await collector(world).collect("j")
    assert world.forgotten == []


async def test_a_job_that_never_ran_has_stored_nothing() -> None:
    world = World(replace(SUCCEEDED, epoch=0, result=RESULT_OF_K))
    await collector(world).collect("j")
    assert world.deleted == []
