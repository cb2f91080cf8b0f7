"""The content cache and the references to files, on every database."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from atelier_image.adapters.database import open_database
from atelier_image.adapters.result_cache import SqlResultCache
from atelier_image.domain.ports import Hit
from atelier_image.domain.result import Output, Result, Source

OUTPUT = Output(
    index=0, seed=1, asset_id="a", content_type="image/png", width_px=64, height_px=64, size_bytes=9, sha256="00"
)


def result(job_id: str, epoch: int = 1) -> Result:
    return Result(model_revision="r1", source=Source(job_id, epoch), outputs=(OUTPUT,))


@pytest.fixture
async def cache(database_url: str) -> AsyncIterator[SqlResultCache]:
    async with open_database(database_url, origin="test", content_urls=lambda _job: ()) as database:
        yield SqlResultCache(database)


async def test_a_key_answers_its_result(cache: SqlResultCache) -> None:
    await cache.add("ada", "j1", "k", result("j1"))
    assert await cache.adopt("ada", ["other", "k"], "j2") == Hit("k", result("j1"))


async def test_a_key_answers_only_its_owner(cache: SqlResultCache) -> None:
    await cache.add("ada", "j1", "k", result("j1"))
    assert await cache.adopt("bob", ["k"], "j2") is None
    assert await cache.adopt("ada", [], "j2") is None


async def test_retired_files_answer_nothing_and_are_still_referred_to(cache: SqlResultCache) -> None:
    await cache.add("ada", "j1", "k", result("j1"))
    await cache.adopt("ada", ["k"], "j2")
    await cache.retire("ada", Source("j1", 1))
    assert await cache.adopt("ada", ["k"], "j3") is None
    assert (await cache.settle("j1", None)).kept_epochs == {1}


async def test_files_are_kept_while_another_image_refers_to_them(cache: SqlResultCache) -> None:
    await cache.add("ada", "j1", "k", result("j1"))
    await cache.adopt("ada", ["k"], "j2")
    assert (await cache.settle("j1", None)).kept_epochs == {1}
    assert (await cache.settle("j2", None)).released == (Source("j1", 1),)
    assert (await cache.settle("j1", None)).kept_epochs == frozenset()


async def test_what_was_let_go_of_is_told_until_it_is_forgotten(cache: SqlResultCache) -> None:
    await cache.add("ada", "j1", "k", result("j1"))
    await cache.adopt("ada", ["k"], "j2")
    for _ in range(2):
        assert (await cache.settle("j2", None)).released == (Source("j1", 1),)
    await cache.forget("j2", Source("j1", 1))
    assert (await cache.settle("j2", None)).released == ()


async def test_what_was_let_go_of_answers_nothing(cache: SqlResultCache) -> None:
    await cache.add("ada", "j2", "k", result("j1"))
    await cache.settle("j2", None)
    assert await cache.adopt("ada", ["k"], "j3") is None


async def test_what_is_taken_up_again_is_not_forgotten(cache: SqlResultCache) -> None:
    await cache.add("ada", "j1", "k", result("j1"))
    await cache.adopt("ada", ["k"], "j2")
    await cache.settle("j2", None)
    await cache.adopt("ada", ["k"], "j2")
    await cache.forget("j2", Source("j1", 1))
    assert (await cache.settle("j1", None)).kept_epochs == {1}


async def test_the_present_result_stays(cache: SqlResultCache) -> None:
    await cache.add("ada", "j1", "k1", result("j1", 1))
    await cache.add("ada", "j1", "k2", result("j1", 2))
    assert (await cache.settle("j1", Source("j1", 2))).kept_epochs == {2}
    assert await cache.adopt("ada", ["k1"], "j2") is None
    assert await cache.adopt("ada", ["k2"], "j2") == Hit("k2", result("j1", 2))


async def test_whoever_adopts_while_the_last_reference_goes_is_counted_or_finds_nothing(cache: SqlResultCache) -> None:
    for round_ in range(20):
        maker, taker = f"m{round_}", f"t{round_}"
        await cache.add("ada", maker, f"k{round_}", result(maker))
        adopted, settled = await asyncio.gather(cache.adopt("ada", [f"k{round_}"], taker), cache.settle(maker, None))
        assert settled.kept_epochs == ({1} if adopted else frozenset())


async def test_two_that_let_go_at_the_same_time_leave_nothing(cache: SqlResultCache) -> None:
    for round_ in range(10):
        maker, taker = f"m{round_}", f"t{round_}"
        await cache.add("ada", maker, f"k{round_}", result(maker))
        await cache.adopt("ada", [f"k{round_}"], taker)
        await asyncio.gather(cache.settle(maker, None), cache.settle(taker, None))
        assert (await cache.settle(maker, None)).kept_epochs == frozenset()


async def test_references_without_a_job_are_found_when_they_are_old(cache: SqlResultCache) -> None:
    await cache.add("ada", "j2", "k", result("j1"))
    assert await cache.unowned(min_age_s=60) == []
    assert await cache.unowned(min_age_s=-60) == [("ada", "j2")]
