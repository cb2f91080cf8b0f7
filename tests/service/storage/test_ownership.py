"""Who sees what, page by page."""

from collections.abc import Awaitable, Callable

import grpc.aio
import pytest

from atelier.storage.v1 import storage_pb2
from atelier.storage.v1.storage_pb2 import Asset
from tests.service.storage.conftest import SIGNER, Client, Storage, refusal
from tests.unit.storage import pictures

CALLS: dict[str, Callable[[Client, str], Awaitable[object]]] = {
    "GetAsset": Client.get,
    "GetAssetContent": Client.content,
    "DeleteAsset": Client.delete,
}


@pytest.mark.parametrize("name", CALLS)
async def test_an_asset_of_another_owner_is_not_found_like_a_missing_one(storage: Storage, name: str) -> None:
    asset = await storage.caller("ada").upload(pictures.png())
    answers = []
    for asset_id in (asset.id, "0190aaaa-0000-7000-8000-000000000000", "no id at all"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await CALLS[name](storage.caller("bob"), asset_id)
        answers.append(refusal(caught.value))
    assert answers[0].code == "NOT_FOUND"
    assert answers[0].reason == "ASSET_NOT_FOUND"
    assert answers[0] == answers[1] == answers[2]
    assert (await storage.caller("ada").content(asset.id)).data == pictures.png()


async def test_an_admin_sees_no_more_than_a_user(storage: Storage) -> None:
    asset = await storage.caller("ada").upload(pictures.png())
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await storage.caller("root", roles=("user", "admin")).get(asset.id)
    assert refusal(caught.value).code == "NOT_FOUND"


@pytest.mark.parametrize(
    "metadata",
    [(), (("x-atelier-subject", "ada"),), SIGNER.metadata("ada", lifetime_s=-60)],
    ids=["no", "plain", "old"],
)
async def test_without_a_valid_token_every_call_is_refused(storage: Storage, metadata: tuple[tuple[str, str]]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await storage.caller().stub.ListAssets(storage_pb2.ListAssetsRequest(), metadata=metadata, timeout=10)
    assert refusal(caught.value).code == "UNAUTHENTICATED"


async def test_a_removed_asset_is_gone(storage: Storage) -> None:
    ada = storage.caller()
    asset = await ada.upload(pictures.png())
    await ada.delete(asset.id)
    assert storage.keys() == []
    for call in CALLS.values():
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(ada, asset.id)
        assert refusal(caught.value).code == "NOT_FOUND"


async def test_the_list_pages_newest_first_and_holds_only_ones_own(storage: Storage) -> None:
    ada = storage.caller()
    made = [(await ada.upload(pictures.png(1 + n))).id for n in range(5)]
    await storage.caller("bob").upload(pictures.png())
    seen, token = [], ""
    while True:
        page = await ada.page(page_size=2, page_token=token)
        seen += [asset.id for asset in page.assets]
        token = page.next_page_token
        if not token:
            break
    assert seen == made[::-1]


async def test_a_page_that_ends_the_list_promises_no_other(storage: Storage) -> None:
    ada = storage.caller()
    for n in range(2):
        await ada.upload(pictures.png(1 + n))
    assert (await ada.page(page_size=2)).next_page_token == ""
    assert (await ada.page(page_size=1000)).next_page_token == ""


async def test_the_list_can_be_of_one_source(storage: Storage) -> None:
    upload = await storage.caller().upload(pictures.png())
    made = await storage.worker().store(pictures.png())
    assert list((await storage.caller().page(source=Asset.UPLOAD)).assets) == [upload]
    assert list((await storage.caller().page(source=Asset.JOB)).assets) == [made]


@pytest.mark.parametrize("token", ["nonsense", "WyJhIiwgImIiXQ", "WzEsIDJd", "WzFd", "WzFlOTksICJhIl0"])
async def test_a_page_token_of_ones_own_making_is_refused(storage: Storage, token: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await storage.caller().page(page_token=token)
    assert (refusal(caught.value).code, refusal(caught.value).fields) == ("INVALID_ARGUMENT", ("page_token",))


async def test_a_jobs_losing_epochs_are_removed_by_services_only(storage: Storage) -> None:
    for epoch in (1, 2):
        await storage.worker("ada", "j", epoch).store(pictures.png(epoch))
    for caller in (storage.caller("ada"), storage.worker("ada", "j", 2), storage.caller("w", roles=("worker",))):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await caller.delete_job("j")
        assert refusal(caught.value).code == "PERMISSION_DENIED"
    service = storage.service("ada")
    assert await storage.service("bob").delete_job("j") == 0
    assert await service.delete_job("j", keep_epoch=2) == 1
    assert [a.width_px for a in (await storage.caller("ada").page()).assets] == [2]
    assert len(storage.keys()) == 1
    assert await storage.caller("service:image", roles=("service",)).delete_job("j") == 1
    assert await service.delete_job("j") == 0
    assert storage.keys() == []
