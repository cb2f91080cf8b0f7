"""The asset index, on SQLite and on PostgreSQL."""

import asyncio
import itertools

import pytest

from atelier_service.ids import uuid7
from atelier_storage.adapters.sql import SqlAssetIndex
from atelier_storage.domain.asset import Asset, Blob, Origin, Source
from atelier_storage.domain.ports import Draft
from atelier_storage.domain.sniff import ContentType

_times = itertools.count(1_700_000_000_000_000)


def blob(sha256: str = "aa", owner: str = "ada", life: str = "1") -> Blob:
    return Blob(f"{owner}/{sha256}-{life}", owner, sha256, 10, ContentType.PNG, 3, 2)


def draft(owner: str = "ada", **fields: object) -> Draft:
    return Draft(uuid7(), Origin(owner, **fields), next(_times))  # type: ignore[arg-type]


async def test_an_asset_is_found_as_it_was_added(asset_index: SqlAssetIndex) -> None:
    added = await asset_index.add(draft(filename="é.png", job_id="j", epoch=2**32 - 1, write_once_key="w"), blob())
    assert await asset_index.find("ada", added.id) == added
    assert await asset_index.add_sharing(draft(write_once_key="w"), "bb") == added


async def test_an_asset_of_another_owner_is_not_found(asset_index: SqlAssetIndex) -> None:
    added = await asset_index.add(draft(write_once_key="w"), blob())
    assert await asset_index.find("bob", added.id) is None
    assert await asset_index.add_sharing(draft("bob", write_once_key="w"), "aa") is None
    assert (await asset_index.remove("bob", added.id)).count == 0


async def test_equal_content_of_one_owner_shares_the_blob_that_came_first(asset_index: SqlAssetIndex) -> None:
    first = await asset_index.add(draft(), blob(life="1"))
    second = await asset_index.add(draft(), blob(life="2"))
    third = await asset_index.add_sharing(draft(), "aa")
    assert third is not None
    assert first.blob == second.blob == third.blob
    assert len({first.id, second.id, third.id}) == 3


async def test_equal_content_of_two_owners_is_not_shared(asset_index: SqlAssetIndex) -> None:
    await asset_index.add(draft(), blob())
    assert await asset_index.add_sharing(draft("bob"), "aa") is None


async def test_the_blob_is_freed_with_its_last_asset(asset_index: SqlAssetIndex) -> None:
    first = await asset_index.add(draft(), blob())
    second = await asset_index.add(draft(), blob(life="2"))
    assert (await asset_index.remove("ada", first.id)).freed_keys == ()
    assert (await asset_index.remove("ada", second.id)).freed_keys == (blob().key,)
    assert (await asset_index.remove("ada", second.id)).count == 0
    assert await asset_index.add_sharing(draft(), "aa") is None
    assert await asset_index.known([blob().key]) == frozenset()


async def test_a_taken_write_once_key_returns_the_asset_that_has_it(asset_index: SqlAssetIndex) -> None:
    first = await asset_index.add(draft(write_once_key="w"), blob("aa"))
    assert await asset_index.add(draft(write_once_key="w"), blob("bb")) == first
    assert await asset_index.add_sharing(draft(write_once_key="w"), "aa") == first
    assert await asset_index.known([blob("bb").key]) == frozenset()
    other = await asset_index.add(draft("bob", write_once_key="w"), blob(owner="bob"))
    assert other.origin.owner == "bob"


async def test_of_many_writers_of_one_key_at_once_one_wins_and_all_see_it(asset_index: SqlAssetIndex) -> None:
    answers = await asyncio.gather(
        *(asset_index.add(draft(write_once_key="w"), blob(f"{n % 3}", life=str(n))) for n in range(12))
    )
    assert len({a.id for a in answers}) == 1
    assert len(await asset_index.page("ada", None, None, 100)) == 1


async def test_of_many_uploads_of_one_content_at_once_one_blob_remains(asset_index: SqlAssetIndex) -> None:
    answers = await asyncio.gather(*(asset_index.add(draft(), blob(life=str(n))) for n in range(12)))
    assert len({a.blob.key for a in answers}) == 1
    assert len({a.id for a in answers}) == 12


async def test_uploads_and_removals_that_meet_leave_each_asset_with_a_blob(asset_index: SqlAssetIndex) -> None:
    freed: list[str] = []

    async def come_and_go(n: int) -> Asset:
        for round_ in range(6):
            gone = await asset_index.add(draft(), blob(life=f"{n}.{round_}a"))
            removed = await asset_index.remove("ada", gone.id)
            assert removed.count == 1
            freed.extend(removed.freed_keys)
        return await asset_index.add(draft(), blob(life=f"{n}.b"))

    kept = await asyncio.gather(*(come_and_go(n) for n in range(6)))
    assert len(freed) == len(set(freed))
    for asset in kept:
        assert await asset_index.find("ada", asset.id) == asset
        assert asset.blob.key not in freed


async def test_pages_follow_one_another_newest_first_without_gap_or_repeat(asset_index: SqlAssetIndex) -> None:
    added = [await asset_index.add(draft(), blob(f"{n}")) for n in range(7)]
    # Two of one microsecond: the id decides.
    twin = await asset_index.add(Draft(uuid7(), Origin("ada"), added[3].create_time_us), blob("t"))
    await asset_index.add(draft("bob"), blob("b", "bob"))
    seen: list[Asset] = []
    while page := await asset_index.page("ada", None, (seen[-1].create_time_us, seen[-1].id) if seen else None, 3):
        seen += page
        await asset_index.add(draft(), blob(f"new {len(seen)}"))  # what comes meanwhile is newer, and on no later page
    assert seen == sorted([*added, twin], key=lambda a: (a.create_time_us, a.id), reverse=True)


async def test_pages_can_be_of_one_source(asset_index: SqlAssetIndex) -> None:
    upload = await asset_index.add(draft(), blob("a"))
    made = await asset_index.add(draft(job_id="j"), blob("b"))
    assert await asset_index.page("ada", Source.UPLOAD, None, 10) == [upload]
    assert await asset_index.page("ada", Source.JOB, None, 10) == [made]


async def test_a_jobs_assets_go_but_for_the_epoch_that_won(asset_index: SqlAssetIndex) -> None:
    lost = [await asset_index.add(draft(job_id="j", epoch=e), blob(f"{e}")) for e in (1, 2)]
    won = await asset_index.add(draft(job_id="j", epoch=3), blob("1"))
    other = await asset_index.add(draft(job_id="k", epoch=1), blob("k"))
    removed = await asset_index.remove_job("ada", "j", 3)
    assert removed.count == 2
    assert removed.freed_keys == (lost[1].blob.key,)
    assert [a.id for a in await asset_index.page("ada", None, None, 10)] == [other.id, won.id]
    assert (await asset_index.remove_job("ada", "j", 3)).count == 0
    assert (await asset_index.remove_job("ada", "j", 0)).count == 1


async def test_what_a_job_stores_after_a_lookup_stays(asset_index: SqlAssetIndex) -> None:
    await asset_index.add(draft(job_id="j", epoch=1), blob("1"))
    won = await asset_index.add(draft(job_id="j", epoch=2), blob("2"))
    later = await asset_index.add(draft(job_id="j", epoch=3), blob("3"))
    assert (await asset_index.remove_job("ada", "j", 2, 2)).count == 1
    assert [a.id for a in await asset_index.page("ada", None, None, 10)] == [later.id, won.id]
    assert (await asset_index.remove_job("ada", "j", 0, 2)).count == 1
    assert [a.id for a in await asset_index.page("ada", None, None, 10)] == [later.id]


async def test_a_jobs_many_assets_go_in_batches(asset_index: SqlAssetIndex) -> None:
    for n in range(25):
        await asset_index.add(draft(job_id="j", epoch=1), blob(f"{n % 4}"))
    removed = await asset_index.remove_job("ada", "j", 0)
    assert removed.count == 25
    assert len(removed.freed_keys) == len(set(removed.freed_keys)) == 4


@pytest.mark.parametrize(("owner", "count"), [("ada", 1), ("bob", 1), ("eve", 0), (None, 2)])
async def test_a_job_is_removed_of_one_owner_or_of_all(
    asset_index: SqlAssetIndex, owner: str | None, count: int
) -> None:
    await asset_index.add(draft("ada", job_id="j"), blob())
    await asset_index.add(draft("bob", job_id="j"), blob(owner="bob"))
    assert (await asset_index.remove_job(owner, "j", 0)).count == count


async def test_the_asset_index_returns_which_blobs_it_knows(asset_index: SqlAssetIndex) -> None:
    added = await asset_index.add(draft(), blob())
    assert await asset_index.known([added.blob.key, "ada/zz-1"]) == {added.blob.key}
    await asset_index.check()
