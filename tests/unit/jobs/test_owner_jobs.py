"""Submitting a job once for each idempotency key."""

from typing import Any

import pytest

from atelier_jobs.domain.job import Job
from atelier_jobs.domain.owner_jobs import IdempotencyKey, Kind, OwnerJobs
from atelier_jobs.domain.store import NO_LIMITS, Submitted
from atelier_service.errors import NotFoundError
from tests.unit.image.test_image_messages import QUEUED

KIND = Kind(name="image", not_found_reason="IMAGE_NOT_FOUND", not_ready_reason="IMAGE_NOT_READY")


class Store:
    """Jobs, of which the first has the key `k`."""

    def __init__(self) -> None:
        self.submitted = 0

    async def repeat_of(self, owner: str, key: str, request_hash: bytes) -> Job | None:
        return QUEUED if key == "k" else None

    async def submit(self, *_: Any, **__: Any) -> Submitted:
        self.submitted += 1
        return Submitted(QUEUED, repeated=False)


def _jobs(store: Any) -> OwnerJobs:
    return OwnerJobs(KIND, store, limits=NO_LIMITS, max_attempts=1)


async def _refused() -> Submitted:
    raise NotFoundError("ASSET_NOT_FOUND", "it was removed since")


async def test_a_repeat_returns_the_first_job_also_when_it_would_be_refused_by_now() -> None:
    submitted = await _jobs(Store()).once("ada", IdempotencyKey("k"), _refused)
    assert (submitted.job, submitted.repeated) == (QUEUED, True)


async def test_what_is_refused_is_not_recorded() -> None:
    store = Store()
    with pytest.raises(NotFoundError):
        await _jobs(store).once("ada", IdempotencyKey("another"), _refused)
    assert store.submitted == 0


@pytest.mark.parametrize("key", [IdempotencyKey("another"), IdempotencyKey()])
async def test_a_request_under_a_new_key_or_none_is_submitted(key: IdempotencyKey) -> None:
    store = Store()
    jobs = _jobs(store)
    submitted = await jobs.once("ada", key, lambda: jobs.submit("ada", "0197", b"", key=key))
    assert (submitted.repeated, store.submitted) == (False, 1)
