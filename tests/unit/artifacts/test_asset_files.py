"""Files go to storage and come from it, as long as the job goes on and storage may still take them."""

import asyncio
import time

import pytest

from atelier.storage.v1 import storage_pb2
from atelier_artifacts.adapters.storage import Upload
from atelier_artifacts.worker.asset_files import AssetFiles, all_of
from atelier_jobs.worker.attempt import InfrastructureFault, JobFault, Stopped, StopReason
from atelier_service.errors import AtelierError, InternalError, NotFoundError, ResourceExhaustedError, UnavailableError
from tests.support.wait import eventually
from tests.unit.jobs.attempts import RUNNING, TOKEN, an_attempt

AWAY = UnavailableError("STORAGE_UNAVAILABLE", "away")
BUSY = ResourceExhaustedError("TOO_MANY_UPLOADS", "too many", retry_after_s=100.0)


class Shelf:
    """Fails as it is told, and then answers."""

    def __init__(self, *failures: AtelierError, hangs: bool = False) -> None:
        self.failures = list(failures)
        self.hangs = hangs
        self.asked: list[tuple[str, str]] = []

    async def store(self, upload: Upload, token: str) -> storage_pb2.Asset:
        raise AssertionError("nothing is stored here")

    async def read(self, asset_id: str, token: str) -> bytes:
        self.asked.append((asset_id, token))
        if self.hangs:
            await asyncio.Event().wait()
        if self.failures:
            raise self.failures.pop(0)
        return b"a picture"


async def test_a_file_of_the_owners_is_read_when_storage_is_back() -> None:
    shelf = Shelf(AWAY)
    assert await AssetFiles(shelf, 60).read(RUNNING, an_attempt(), "a1") == b"a picture"
    assert shelf.asked == [("a1", TOKEN)] * 2


async def test_each_try_brings_the_token_that_the_last_renewal_brought() -> None:
    shelf, attempt = Shelf(*[AWAY] * 100), an_attempt()
    reading = asyncio.create_task(AssetFiles(shelf, 60).read(RUNNING, attempt, "a1"))
    await eventually(lambda: bool(shelf.asked), what="it was asked for")
    attempt.renew_token("another")
    await eventually(lambda: ("a1", "another") in shelf.asked, what="it was asked for with the new token")
    shelf.failures.clear()
    assert await reading == b"a picture"


async def test_a_job_is_released_when_its_inputs_stay_unavailable() -> None:
    with pytest.raises(InfrastructureFault):
        await AssetFiles(Shelf(*[AWAY] * 100), 0.5).read(RUNNING, an_attempt(), "a1")


async def test_a_missing_file_is_requested_once() -> None:
    shelf = Shelf(NotFoundError("ASSET_NOT_FOUND", "there is no such asset"))
    with pytest.raises(JobFault) as caught:
        await AssetFiles(shelf, 60).read(RUNNING, an_attempt(), "a1")
    assert (caught.value.reason, caught.value.retryable, len(shelf.asked)) == ("ASSET_NOT_FOUND", False, 1)


async def test_nothing_is_read_for_a_job_that_is_to_stop() -> None:
    shelf, attempt = Shelf(), an_attempt()
    attempt.stop(StopReason.CANCELED)
    with pytest.raises(Stopped):
        await AssetFiles(shelf, 60).read(RUNNING, attempt, "a1")
    assert not shelf.asked


@pytest.mark.parametrize("reason", [StopReason.CANCELED, StopReason.LOST, StopReason.SHUTDOWN])
@pytest.mark.parametrize("waits", ["for an answer", "between two tries"])
async def test_a_job_that_waits_for_storage_stops_at_once(waits: str, reason: StopReason) -> None:
    shelf, attempt = Shelf(*[BUSY] * 100, hangs=waits == "for an answer"), an_attempt()
    reading = asyncio.create_task(AssetFiles(shelf, 3600).read(RUNNING, attempt, "a1"))
    await eventually(lambda: bool(shelf.asked), what="it was asked for")
    attempt.stop(reason)
    with pytest.raises(Stopped):
        async with asyncio.timeout(10):  # storage asks to be left alone for longer
            await reading


async def test_a_bug_of_storages_is_not_waited_out() -> None:
    shelf = Shelf(*[InternalError("CONTENT_LOST", "the content is lost")] * 100)
    with pytest.raises(JobFault) as caught:
        await AssetFiles(shelf, 3600).read(RUNNING, an_attempt(), "a1")
    assert (caught.value.reason, caught.value.retryable) == ("CONTENT_LOST", True)
    assert len(shelf.asked) == 4


async def test_storage_is_not_called_again_before_its_retry_delay() -> None:
    shelf = Shelf(UnavailableError("STORAGE_UNAVAILABLE", "away", retry_after_s=1.0))
    began = time.monotonic()
    await AssetFiles(shelf, 60).read(RUNNING, an_attempt(), "a1")
    assert time.monotonic() - began >= 1.0


async def test_many_files_are_returned_in_their_order() -> None:
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
