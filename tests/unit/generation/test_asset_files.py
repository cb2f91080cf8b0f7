"""Files go to storage and come from it, as long as the job goes on and storage may still take them."""

import asyncio

import pytest

from atelier.storage.v1 import storage_pb2
from atelier_generation.adapters.storage import Upload
from atelier_generation.worker.asset_files import AssetFiles, all_of
from atelier_jobs.attempt import InfrastructureFault, JobFault, Stopped, StopReason
from atelier_service.errors import AtelierError, NotFoundError, UnavailableError
from tests.unit.generation.attempts import RUNNING, an_attempt

AWAY = UnavailableError("STORAGE_UNAVAILABLE", "away")


class Shelf:
    """Fails as it is told, and then answers."""

    def __init__(self, *failures: AtelierError) -> None:
        self.failures = list(failures)
        self.asked: list[tuple[str, str]] = []

    async def store(self, upload: Upload) -> storage_pb2.Asset:
        raise AssertionError("nothing is stored here")

    async def read(self, owner: str, asset_id: str) -> bytes:
        self.asked.append((owner, asset_id))
        if self.failures:
            raise self.failures.pop(0)
        return b"a picture"


async def test_a_file_of_the_owners_is_read_when_storage_is_back() -> None:
    shelf = Shelf(AWAY)
    assert await AssetFiles(shelf, 2).read(RUNNING, an_attempt(), "a1") == b"a picture"
    assert shelf.asked == [("ada", "a1")] * 2


async def test_a_job_is_given_back_when_what_it_reads_stays_away() -> None:
    with pytest.raises(InfrastructureFault):
        await AssetFiles(Shelf(AWAY, AWAY), 2).read(RUNNING, an_attempt(), "a1")


async def test_a_file_that_is_not_there_is_asked_for_once() -> None:
    shelf = Shelf(NotFoundError("ASSET_NOT_FOUND", "there is no such asset"))
    with pytest.raises(JobFault) as caught:
        await AssetFiles(shelf, 2).read(RUNNING, an_attempt(), "a1")
    assert (caught.value.reason, caught.value.retryable, len(shelf.asked)) == ("ASSET_NOT_FOUND", False, 1)


async def test_nothing_is_read_for_a_job_that_is_to_stop() -> None:
    shelf, attempt = Shelf(), an_attempt()
    attempt.stop(StopReason.CANCELED)
    with pytest.raises(Stopped):
        await AssetFiles(shelf, 2).read(RUNNING, attempt, "a1")
    assert not shelf.asked


async def test_many_files_are_answered_in_their_order() -> None:
    first_may_end = asyncio.Event()

    async def first() -> str:
        await first_may_end.wait()
        return "first"

    async def second() -> str:
        first_may_end.set()
        return "second"

    assert await all_of([first(), second()]) == ["first", "second"]


async def test_the_first_of_many_files_that_fails_stops_the_others() -> None:
    ended = False

    async def waits() -> None:
        nonlocal ended
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    async def fails() -> None:
        raise JobFault("TOO_MANY_PIXELS", "too many pixels")

    with pytest.raises(JobFault, match="too many"):
        await all_of([waits(), fails()])
    assert ended
