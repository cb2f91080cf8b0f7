"""What the token of a job opens: the files of one claim of one job, and those that its spec names."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
import pytest

from tests.service.storage.conftest import SIGNER, Client, Storage, refusal
from tests.unit.storage import pictures

# What a worker may not do even with the files of its own job.
OTHER_CALLS: dict[str, Callable[[Client, str], Awaitable[object]]] = {
    "GetAsset": Client.get,
    "DeleteAsset": Client.delete,
    "ListAssets": lambda client, _: client.page(),
    "DeleteJobAssets": lambda client, _: client.delete_job("j"),
}

FOREIGN_FIELDS: dict[str, dict[str, Any]] = {
    "another job": {"job_id": "k"},
    "another epoch": {"epoch": 2},
    "the key of another job": {"write_once_key": "image/k/1/0"},
    "the key of another epoch": {"write_once_key": "image/j/11/0"},
    "the key of another kind": {"write_once_key": "video/j/1/0"},
    "no key": {"write_once_key": ""},
    "no job": {"job_id": "", "epoch": 0, "write_once_key": ""},
}


async def denied(call: Awaitable[object]) -> tuple[str, str]:
    """Code and reason of a call that must be refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    refused = refusal(caught.value)
    return refused.code, refused.reason


async def test_a_worker_stores_files_of_its_job_and_reads_them_back(storage: Storage) -> None:
    stored = await storage.worker().store(pictures.png())
    assert (await storage.worker().content(stored.id)).data == pictures.png()
    assert (await storage.caller().content(stored.id)).data == pictures.png()


@pytest.mark.parametrize("fields", FOREIGN_FIELDS.values(), ids=FOREIGN_FIELDS)
async def test_a_worker_stores_nothing_that_is_not_of_its_claim(storage: Storage, fields: dict[str, Any]) -> None:
    assert await denied(storage.worker().store(pictures.png(), **fields)) == ("PERMISSION_DENIED", "JOB_TOKEN")
    assert storage.keys() == []


async def test_a_worker_reads_the_assets_that_the_job_names_and_no_others(storage: Storage) -> None:
    named, other = await storage.caller().upload(pictures.png(1)), await storage.caller().upload(pictures.png(2))
    of_another_job = await storage.worker(job_id="k").store(pictures.png(3))
    worker = storage.worker(reads=(named.id,))
    assert (await worker.content(named.id)).data == pictures.png(1)
    for asset in (other, of_another_job):
        assert await denied(worker.content(asset.id)) == ("NOT_FOUND", "ASSET_NOT_FOUND")


async def test_a_name_opens_nothing_of_another_owner(storage: Storage) -> None:
    hers = await storage.caller("bob").upload(pictures.png())
    assert await denied(storage.worker("ada", reads=(hers.id,)).content(hers.id)) == ("NOT_FOUND", "ASSET_NOT_FOUND")


@pytest.mark.parametrize("name", OTHER_CALLS)
async def test_the_token_of_a_job_opens_no_other_method(storage: Storage, name: str) -> None:
    stored = await storage.worker().store(pictures.png())
    assert await denied(OTHER_CALLS[name](storage.worker(), stored.id)) == ("PERMISSION_DENIED", "JOB_TOKEN")
    assert len(storage.keys()) == 1


async def test_the_token_of_a_job_ends_with_the_lease(storage: Storage) -> None:
    worker = storage.worker()
    worker.metadata = expired()
    code, _ = await denied(worker.store(pictures.png()))
    assert code == "UNAUTHENTICATED"


async def test_a_workers_own_token_opens_no_file(storage: Storage) -> None:
    stored = await storage.worker().store(pictures.png())
    itself = storage.caller("service:image-worker", roles=("worker",))
    for call in (itself.upload(pictures.png()), itself.content(stored.id), itself.delete_job("j")):
        code, _ = await denied(call)
        assert code == "PERMISSION_DENIED"


def expired() -> tuple[tuple[str, str], ...]:
    """The metadata of a claim whose lease ended a minute ago."""
    job = {"kind": "image", "id": "j", "epoch": 1, "assets": []}
    return SIGNER.metadata("ada", lifetime_s=-60, act={"sub": "service:image-worker"}, job=job)
