"""Bytes out: whole, in parts, and not at all when the reader has them."""

import grpc.aio
import pytest

from atelier.storage.v1.storage_pb2 import GetAssetContentRequest
from tests.service.storage.conftest import Storage, refusal
from tests.unit.storage import pictures

DATA = pictures.noise_png(800, 600, b"seed")


async def test_the_content_is_the_upload_with_its_headers(storage: Storage) -> None:
    asset = await storage.caller().upload(DATA, filename="noise.png")
    content = await storage.caller().content(asset.id)
    assert content.data == DATA
    assert content.content_type == "image/png"
    assert content.chunks > 1
    assert content.headers["etag"] == f'"{asset.sha256}"'
    assert content.headers["accept-ranges"] == "bytes"
    assert content.headers["cache-control"] == "private, no-cache"
    assert content.headers["vary"] == "authorization, x-api-key"
    assert content.headers["content-disposition"] == 'inline; filename="noise.png"'
    assert content.headers["x-content-type-options"] == "nosniff"
    assert content.headers["x-http-content-length"] == str(len(DATA))
    assert "x-http-code" not in content.headers


@pytest.mark.parametrize(
    ("range_", "start", "stop"),
    [("bytes=0-99", 0, 100), ("bytes=1000000-", 1_000_000, len(DATA)), ("bytes=-7", len(DATA) - 7, len(DATA))],
)
async def test_a_range_returns_206_with_that_part(storage: Storage, range_: str, start: int, stop: int) -> None:
    asset = await storage.caller().upload(DATA)
    content = await storage.caller().content(asset.id, range=range_)
    assert content.data == DATA[start:stop]
    assert content.headers["x-http-code"] == "206"
    assert content.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"
    assert content.headers["x-http-content-length"] == str(stop - start)


async def test_parts_put_together_are_the_whole(storage: Storage) -> None:
    asset = await storage.caller().upload(DATA)
    step = 499_999
    parts = [
        (await storage.caller().content(asset.id, range=f"bytes={at}-{at + step - 1}")).data
        for at in range(0, len(DATA), step)
    ]
    assert b"".join(parts) == DATA


async def test_a_range_past_the_end_is_416_with_the_size(storage: Storage) -> None:
    asset = await storage.caller().upload(DATA)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await storage.caller().content(asset.id, range=f"bytes={len(DATA)}-")
    answer = refusal(caught.value)
    assert (answer.code, answer.reason) == ("OUT_OF_RANGE", "RANGE_NOT_SATISFIABLE")
    assert answer.trailers["x-http-code"] == "416"
    assert answer.trailers["content-range"] == f"bytes */{len(DATA)}"


async def test_a_matching_etag_is_304_without_content(storage: Storage) -> None:
    asset = await storage.caller().upload(DATA)
    content = await storage.caller().content(asset.id, if_none_match=f'"{asset.sha256}"')
    assert content.data == b""
    assert content.headers["x-http-code"] == "304"
    assert content.headers["etag"] == f'"{asset.sha256}"'
    assert content.headers["cache-control"] == "private, no-cache"
    assert content.headers["vary"] == "authorization, x-api-key"


async def test_a_range_of_another_content_returns_the_whole(storage: Storage) -> None:
    asset = await storage.caller().upload(DATA)
    content = await storage.caller().content(asset.id, range="bytes=0-9", if_range='"old"')
    assert len(content.data) == len(DATA)
    content = await storage.caller().content(asset.id, range="bytes=0-9", if_range=f'"{asset.sha256}"')
    assert len(content.data) == 10


async def test_a_reader_may_leave_half_way_and_the_service_goes_on(storage: Storage) -> None:
    caller = storage.caller()
    asset = await caller.upload(DATA)
    for _ in range(30):
        call = caller.stub.GetAssetContent(GetAssetContentRequest(id=asset.id), metadata=caller.metadata)
        await call.read()
        call.cancel()
    assert (await caller.content(asset.id)).data == DATA


async def test_content_whose_bytes_are_lost_is_an_error_without_internals(storage: Storage) -> None:
    asset = await storage.caller().upload(pictures.png())
    storage.minio.remove_object(storage.settings.s3_bucket, storage.keys()[0])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await storage.caller().content(asset.id)
    assert (refusal(caught.value).code, refusal(caught.value).reason) == ("INTERNAL", "CONTENT_LOST")
