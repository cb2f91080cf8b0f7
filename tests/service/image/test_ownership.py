"""Somebody else's image answers like one that never was."""

from typing import Any

import grpc
import grpc.aio
import pytest

from atelier.jobs.v1 import job_pb2
from atelier_service.paging import PAGE_BYTES
from tests.service.image.image_mesh import SMALL, ImageMesh
from tests.service.owner import answer_to

CALLS: list[Any] = [
    lambda owner, image_id: owner.get(image_id),
    lambda owner, image_id: owner.cancel(image_id),
    lambda owner, image_id: owner.delete(image_id),
    lambda owner, image_id: owner.update(image_id, **SMALL),
    lambda owner, image_id: owner.content(image_id),
    lambda owner, image_id: owner.watch(image_id),
    lambda owner, image_id: owner.watch(image_id, after_seq=1),
]


async def test_an_image_of_another_owner_is_not_found_like_a_missing_one(idle_mesh: ImageMesh) -> None:
    ada, bob = await idle_mesh.owner("ada"), await idle_mesh.owner("bob")
    image = await ada.generate(**SMALL)
    never = image.id[:-4] + ("0000" if image.id[-4:] != "0000" else "1111")
    for call in CALLS:
        refused = await answer_to(call(bob, image.id), image.id)
        assert refused == await answer_to(call(bob, never), never)
        assert refused[0] == "NOT_FOUND"
    assert (await ada.get(image.id)).state == job_pb2.QUEUED
    assert not (await bob.page()).images


async def test_pages_are_newest_first_and_filtered(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    ids = [(await ada.generate(**SMALL)).id for _ in range(3)]
    await ada.cancel(ids[1])
    first = await ada.page(page_size=2)
    rest = await ada.page(page_size=2, page_token=first.next_page_token)
    assert [image.id for image in (*first.images, *rest.images)] == ids[::-1]
    assert not rest.next_page_token
    assert [image.id for image in (await ada.page(state=job_pb2.CANCELED)).images] == [ids[1]]


async def test_a_page_ends_before_it_is_too_large_for_a_message(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    ids = []
    for number in range(40):
        image = await ada.generate(**SMALL | largest_labels() | {"prompt": "😀" * 4000, "negative_prompt": str(number)})
        ids.append((await ada.cancel(image.id)).id)
    pages = [await ada.page(page_size=100)]
    while pages[-1].next_page_token:
        pages.append(await ada.page(page_size=100, page_token=pages[-1].next_page_token))
    assert [image.id for page in pages for image in page.images] == ids[::-1]
    assert len(pages) > 2
    assert all(page.ByteSize() < 1.1 * PAGE_BYTES for page in pages)
    assert all(page.ByteSize() > PAGE_BYTES / 2 for page in pages[:-1])


def largest_labels() -> dict[str, Any]:
    """As many and as long as the contract allows."""
    return {"metadata": {f"{number:02}".ljust(64, "é"): "😀" * 256 for number in range(32)}}


async def test_a_page_token_that_is_none_is_refused(idle_mesh: ImageMesh) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (await idle_mesh.owner()).page(page_token="nonsense")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
