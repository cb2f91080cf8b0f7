"""The bytes of a picture."""

import grpc
import grpc.aio
import pytest

from tests.service.image.image_mesh import SMALL, ImageMesh
from tests.service.owner import refusal


async def test_range_and_conditional_requests_are_passed_to_storage(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    image = await ada.made((await ada.generate(**SMALL)).id)
    whole, headers = await ada.content(image.id)
    part, part_headers = await ada.content(image.id, range="bytes=1-3")
    assert part == whole[1:4]
    assert part_headers["x-http-code"] == "206"
    assert part_headers["content-range"] == f"bytes 1-3/{len(whole)}"
    unchanged, unchanged_headers = await ada.content(image.id, if_none_match=headers["etag"])
    assert (unchanged, unchanged_headers["x-http-code"]) == (b"", "304")
    outdated, _ = await ada.content(image.id, range="bytes=1-3", if_range='"another"')
    assert outdated == whole


async def test_a_range_past_the_end_is_a_416(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    image = await ada.made((await ada.generate(**SMALL)).id)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ada.content(image.id, range="bytes=99999999-")
    assert refusal(caught.value)[0] == "OUT_OF_RANGE"
    trailers = dict(caught.value.trailing_metadata() or ())
    assert trailers["x-http-code"] == "416"
    assert trailers["content-range"] == f"bytes */{image.outputs[0].size_bytes}"


async def test_a_picture_past_the_end_is_not_found(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    image = await ada.made((await ada.generate(**SMALL, count=2)).id)
    assert (await ada.content(image.id, index=1))[0]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ada.content(image.id, index=2)
    assert refusal(caught.value)[:2] == ("NOT_FOUND", "PICTURE_NOT_FOUND")


async def test_an_image_that_waits_has_no_content_yet(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    image = await ada.generate(**SMALL)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ada.content(image.id)
    assert refusal(caught.value)[:2] == ("FAILED_PRECONDITION", "IMAGE_NOT_READY")
