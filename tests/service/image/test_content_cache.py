"""The same request again answers from storage, and no file goes while somebody refers to it."""

import grpc
import grpc.aio
import pytest

from atelier.image.v1 import image_pb2
from atelier.jobs.v1 import job_pb2
from atelier.storage.v1 import storage_pb2
from tests.service.image.image_mesh import SMALL, ImageMesh, Owner
from tests.service.owner import refusal


async def made(owner: Owner, **fields: object) -> image_pb2.Image:
    image = await owner.made((await owner.generate(**SMALL | {"seed": 1} | fields)).id)
    assert image.state == job_pb2.SUCCEEDED, image.error
    return image


async def test_the_same_request_returns_the_cached_result_at_once(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    first = await made(ada)
    again = await ada.generate(**SMALL, seed=1, metadata={"label": "another"})
    assert (again.state, again.cached) == (job_pb2.SUCCEEDED, True)
    assert again.id != first.id
    assert again.model_revision == first.model_revision
    assert [output.asset_id for output in again.outputs] == [output.asset_id for output in first.outputs]
    assert dict(again.parameters.metadata) == {"label": "another"}
    assert (await ada.content(again.id))[0] == (await ada.content(first.id))[0]
    events = await ada.watch(again.id, after_seq=0)
    assert [(event.generation_progress.cached, event.generation_progress.terminal) for event in events] == [
        (True, True)
    ]
    assert list(events[0].generation_progress.content_urls) == [again.outputs[0].content_url]


async def test_another_owner_gets_a_picture_of_their_own(mesh: ImageMesh) -> None:
    ada, bob = await mesh.owner("ada"), await mesh.owner("bob")
    await made(ada)
    assert not (await bob.generate(**SMALL, seed=1)).cached


async def test_without_a_worker_the_cache_is_not_used(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    await made(ada)
    await mesh.worker.stop()
    image = await ada.generate(**SMALL, seed=1)
    assert (image.state, image.cached) == (job_pb2.QUEUED, False)


async def test_files_stay_until_their_last_image_goes(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    first = await made(ada)
    second = await made(ada)
    third = await made(ada)
    assert second.cached
    assert third.cached
    await ada.delete(first.id)
    await ada.delete(third.id)
    await mesh.settled(ada, second)
    assert (await ada.content(second.id))[0]
    assert (await made(ada)).cached, "the files are still there to answer with"
    for image in (await ada.page()).images:
        await ada.delete(image.id)
    await mesh.settled(ada)
    assert not (await made(ada)).cached


async def test_files_stay_when_their_maker_draws_something_else(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    first = await made(ada)
    second = await made(ada)
    changed = await ada.update(first.id, **SMALL, seed=2)
    changed = await ada.made(changed.id)
    await mesh.settled(ada, changed, second)
    await ada.delete(second.id)
    await mesh.settled(ada, changed)


async def test_a_cached_result_is_released_when_the_image_is_made_anew(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    first = await made(ada)
    second = await made(ada)
    await ada.delete(first.id)
    changed = await ada.made((await ada.update(second.id, **SMALL, seed=2)).id)
    assert not changed.cached
    await mesh.settled(ada, changed)


async def test_an_update_uses_the_cache_too(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    first = await made(ada)
    other = await made(ada, seed=2)
    updated = await ada.update(other.id, **SMALL, seed=1)
    assert (updated.state, updated.cached, updated.revision) == (job_pb2.SUCCEEDED, True, 2)
    await mesh.settled(ada, first)
    await ada.delete(first.id)
    await ada.delete(other.id)
    await mesh.settled(ada)


async def test_a_file_that_images_refer_to_cannot_be_removed_beneath_them(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    image = await made(ada)
    request = storage_pb2.DeleteAssetRequest(id=image.outputs[0].asset_id)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ada.assets.DeleteAsset(request, metadata=ada.metadata)
    assert refusal(caught.value)[:2] == ("FAILED_PRECONDITION", "ASSET_IN_USE")
    assert (await ada.content(image.id))[0]


async def test_a_picture_whose_file_storage_has_lost_is_made_again(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    first = await made(ada)
    request = storage_pb2.DeleteJobAssetsRequest(job_id=first.id)
    await ada.assets.DeleteJobAssets(request, metadata=await mesh.auth.as_service("atelier-image"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ada.content(first.id)
    assert refusal(caught.value)[0] == "NOT_FOUND"
    again = await made(ada)
    assert not again.cached
    assert again.outputs[0].sha256 == first.outputs[0].sha256
