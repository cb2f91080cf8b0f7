"""Somebody else's image answers like one that never was."""

from typing import Any

import grpc
import grpc.aio
import pytest

from atelier.jobs.v1 import job_pb2
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


async def test_somebody_elses_image_answers_like_one_that_never_was(idle_mesh: ImageMesh) -> None:
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


async def test_a_page_token_that_is_none_is_refused(idle_mesh: ImageMesh) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (await idle_mesh.owner()).page(page_token="nonsense")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
