"""A repeat answers the first image."""

import asyncio

import grpc
import grpc.aio
import pytest

from tests.service.image.image_mesh import SMALL, ImageMesh
from tests.service.owner import refusal


async def test_a_second_submit_with_the_same_key_returns_the_first_image(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    first = await ada.generate(**SMALL, headers=(("idempotency-key", "k1"),))
    again = await ada.generate(**SMALL, headers=(("idempotency-key", "k1"),))
    by_field = await ada.generate(**SMALL, request_id="k1")
    assert first.id == again.id == by_field.id
    assert first.parameters.seed == again.parameters.seed
    assert len((await ada.page()).images) == 1


async def test_many_at_the_same_time_make_one_image(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    images = await asyncio.gather(*(ada.generate(**SMALL, request_id="k") for _ in range(8)))
    assert len({image.id for image in images}) == 1


async def test_another_body_under_the_key_is_refused(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    await ada.generate(**SMALL, request_id="k")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ada.generate(**SMALL, seed=1, request_id="k")
    assert refusal(caught.value)[:2] == ("ALREADY_EXISTS", "IDEMPOTENCY_KEY_REUSED")


async def test_another_body_is_refused_also_at_the_same_time(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    answers = await asyncio.gather(
        *(ada.generate(**SMALL, seed=seed, request_id="k") for seed in range(4)), return_exceptions=True
    )
    refused = [refusal(answer)[0] for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert refused == ["ALREADY_EXISTS"] * 3
    assert len((await ada.page()).images) == 1


async def test_a_key_is_its_owners_own(idle_mesh: ImageMesh) -> None:
    ada, bob = await idle_mesh.owner("ada"), await idle_mesh.owner("bob")
    hers = await ada.generate(**SMALL, request_id="k")
    his = await bob.generate(**SMALL, seed=1, request_id="k")
    assert hers.id != his.id


async def test_two_different_keys_at_once_are_ambiguous(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ada.generate(**SMALL, request_id="k1", headers=(("idempotency-key", "k2"),))
    assert refusal(caught.value) == ("INVALID_ARGUMENT", "AMBIGUOUS_IDEMPOTENCY_KEY", ["request_id"])
