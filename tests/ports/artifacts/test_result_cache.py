"""The content cache and the references to files, on every database."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from atelier_artifacts.adapters.result_cache import SqlResultCache
from atelier_artifacts.adapters.tables import artifact_tables
from atelier_artifacts.domain.result_cache import Hit, HitGoneError, Settled
from atelier_artifacts.domain.stored_files import Producer, StoredFile
from atelier_drawing.domain.result import Result
from atelier_jobs.domain.store import Submission
from atelier_jobs.sql.database import JobDatabase
from atelier_jobs.sql.jobs import SqlJobStore
from atelier_jobs.sql.schema import SCHEMA
from atelier_jobs.sql.service_database import open_database
from atelier_service.ids import uuid7
from atelier_service.migrations.upgrade import upgrade

TABLES = artifact_tables("image")
OUTPUT = StoredFile(asset_id="a", content_type="image/png", width_px=64, height_px=64, size_bytes=9, sha256="00")


def result(job_id: str, epoch: int = 1) -> Result[StoredFile]:
    return Result(model_revision="r1", source=Producer(job_id, epoch), outputs=(OUTPUT,))


def hit_of(key: str, result: Result[StoredFile]) -> Hit:
    return Hit(key, result.source, result.to_bytes())


class Cache:
    """The cache, and transactions for what it writes within one."""

    def __init__(self, database: JobDatabase) -> None:
        self._database = database
        self._cache = SqlResultCache(database, TABLES)
        self.find, self.retire, self.forget = self._cache.find, self._cache.retire, self._cache.forget

    async def add(self, owner: str, job_id: str, key: str, result: Result[StoredFile]) -> None:
        async with self._database.write() as transaction:
            await self._cache.adding(owner, job_id, key, result.source, result.to_bytes())(transaction)

    async def adopt(self, owner: str, keys: list[str], job_id: str) -> Hit | None:
        """What was found, if it was still there a moment later."""
        hit = await self._cache.find(owner, keys)
        if hit is None:
            return None
        try:
            await self.take(owner, job_id, hit)
        except HitGoneError:
            return None
        return hit

    async def take(self, owner: str, job_id: str, hit: Hit) -> None:
        async with self._database.write() as transaction:
            await self._cache.adopting(owner, job_id, hit)(transaction)

    async def settle(self, job_id: str, current: Producer | None = None) -> Settled:
        settled = await self._cache.settle(job_id, lambda _: current)
        assert settled is not None
        return settled


@pytest.fixture
async def cache(database_url: str) -> AsyncIterator[Cache]:
    await upgrade(database_url, (SCHEMA, TABLES.schema))
    async with open_database(database_url, TABLES.schema, origin="test") as database:
        yield Cache(database)


async def test_a_key_returns_its_result(cache: Cache) -> None:
    await cache.add("ada", "j1", "k", result("j1"))
    assert await cache.adopt("ada", ["other", "k"], "j2") == hit_of("k", result("j1"))


async def test_a_key_returns_a_result_to_its_owner_alone(cache: Cache) -> None:
    await cache.add("ada", "j1", "k", result("j1"))
    assert await cache.adopt("bob", ["k"], "j2") is None
    assert await cache.adopt("ada", [], "j2") is None


async def test_retired_files_are_not_found_and_are_still_referred_to(cache: Cache) -> None:
    await cache.add("ada", "j1", "k", result("j1"))
    await cache.adopt("ada", ["k"], "j2")
    await cache.retire("ada", Producer("j1", 1))
    assert await cache.adopt("ada", ["k"], "j3") is None
    assert (await cache.settle("j1")).referenced_epochs == {1}


async def test_files_are_retained_while_another_image_refers_to_them(cache: Cache) -> None:
    await cache.add("ada", "j1", "k", result("j1"))
    await cache.adopt("ada", ["k"], "j2")
    assert (await cache.settle("j1")).referenced_epochs == {1}
    assert (await cache.settle("j2")).released == (Producer("j1", 1),)
    assert (await cache.settle("j1")).referenced_epochs == frozenset()


async def test_released_files_are_listed_until_they_are_forgotten(cache: Cache) -> None:
    await cache.add("ada", "j1", "k", result("j1"))
    await cache.adopt("ada", ["k"], "j2")
    for _ in range(2):
        assert (await cache.settle("j2")).released == (Producer("j1", 1),)
    await cache.forget("j2", Producer("j1", 1))
    assert (await cache.settle("j2")).released == ()


async def test_released_files_are_not_found(cache: Cache) -> None:
    await cache.add("ada", "j2", "k", result("j1"))
    await cache.settle("j2")
    assert await cache.adopt("ada", ["k"], "j3") is None


async def test_what_is_taken_up_again_is_not_forgotten(cache: Cache) -> None:
    await cache.add("ada", "j1", "k", result("j1"))
    await cache.adopt("ada", ["k"], "j2")
    await cache.settle("j2")
    await cache.adopt("ada", ["k"], "j2")
    await cache.forget("j2", Producer("j1", 1))
    assert (await cache.settle("j1")).referenced_epochs == {1}


async def test_the_present_result_stays(cache: Cache) -> None:
    await cache.add("ada", "j1", "k1", result("j1", 1))
    await cache.add("ada", "j1", "k2", result("j1", 2))
    assert (await cache.settle("j1", Producer("j1", 2))).referenced_epochs == {2}
    assert await cache.adopt("ada", ["k1"], "j2") is None
    assert await cache.adopt("ada", ["k2"], "j2") == hit_of("k2", result("j1", 2))


async def test_whoever_adopts_while_the_last_reference_goes_is_counted_or_finds_nothing(cache: Cache) -> None:
    for round_ in range(20):
        maker, taker = f"m{round_}", f"t{round_}"
        await cache.add("ada", maker, f"k{round_}", result(maker))
        adopted, settled = await asyncio.gather(cache.adopt("ada", [f"k{round_}"], taker), cache.settle(maker))
        assert settled.referenced_epochs == ({1} if adopted else frozenset())


async def test_two_that_let_go_at_the_same_time_leave_nothing(cache: Cache) -> None:
    for round_ in range(10):
        maker, taker = f"m{round_}", f"t{round_}"
        await cache.add("ada", maker, f"k{round_}", result(maker))
        await cache.adopt("ada", [f"k{round_}"], taker)
        await asyncio.gather(cache.settle(maker), cache.settle(taker))
        assert (await cache.settle(maker)).referenced_epochs == frozenset()


async def test_a_hit_that_was_let_go_of_meanwhile_cannot_be_taken(cache: Cache) -> None:
    await cache.add("ada", "j1", "k", result("j1"))
    hit = await cache.find("ada", ["k"])
    assert hit is not None
    await cache.settle("j1")
    with pytest.raises(HitGoneError):
        await cache.take("ada", "j2", hit)
    assert (await cache.settle("j1")).referenced_epochs == frozenset()


async def test_of_a_job_that_has_not_ended_nothing_is_let_go(database_url: str) -> None:
    await upgrade(database_url, (SCHEMA, TABLES.schema))
    async with open_database(database_url, TABLES.schema, origin="test") as database:
        jobs, cache = SqlJobStore(database), SqlResultCache(database, TABLES)
        submission = Submission(job_id=uuid7(), owner="ada", kind="image", spec=b"")
        job = (
            await jobs.submit(submission, hook=cache.adding("ada", submission.job_id, "k", Producer("j1", 1), b"{}"))
        ).job
        assert await cache.settle(job.id, lambda _: None) is None
        assert await cache.find("ada", ["k"]) is not None
        await jobs.cancel("ada", job.id)
        settled = await cache.settle(job.id, lambda _: None)
        assert settled is not None
        assert settled.job is not None
        assert settled.released == (Producer("j1", 1),)
