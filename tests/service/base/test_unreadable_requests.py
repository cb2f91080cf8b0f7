"""What is no request at all is refused like any other wrong request: inside of the call, with a reason."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from tests.support.tokens import TestSigner
from tests.support.wait import eventually

from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier.storage.v1 import storage_pb2, storage_pb2_grpc
from atelier_service.channel import MAX_MESSAGE_BYTES
from atelier_service.errors import AtelierError
from atelier_service.rpc_errors import from_rpc_error
from atelier_service.server import run_server
from atelier_service.settings import ServiceSettings

GET = "/atelier.image.v1.ImageService/GetImage"
WATCH = "/atelier.image.v1.ImageService/WatchImage"
UPLOAD = "/atelier.storage.v1.StorageService/CreateAsset"

Context = grpc.aio.ServicerContext[Any, Any]


class _Images(image_pb2_grpc.ImageServiceServicer):
    async def GetImage(self, request: image_pb2.GetImageRequest, context: Context) -> image_pb2.Image:
        return image_pb2.Image(id=request.id)


class _Storage(storage_pb2_grpc.StorageServiceServicer):
    async def CreateAsset(
        self, request_iterator: AsyncIterator[storage_pb2.CreateAssetRequest], context: Context
    ) -> storage_pb2.Asset:
        return storage_pb2.Asset(size_bytes=sum([len(request.file.data) async for request in request_iterator]))


class _Caller:
    """Sends bytes where messages should be."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._channel: Any = channel
        self._metadata = (("authorization", f"Bearer {token}"),)

    async def call(self, method: str, *messages: bytes) -> Any:
        """The answer's bytes."""
        if method == UPLOAD:
            return await self._channel.stream_unary(method)(iter(messages), metadata=self._metadata, timeout=30)
        if method == WATCH:
            return await self._channel.unary_stream(method)(messages[0], metadata=self._metadata, timeout=30).read()
        return await self._channel.unary_unary(method)(messages[0], metadata=self._metadata, timeout=30)

    async def refused(self, method: str, *messages: bytes) -> AtelierError:
        """The error that comes instead of an answer."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.call(method, *messages)
        return from_rpc_error(caught.value)


@asynccontextmanager
async def _serving(token: str = "") -> AsyncIterator[_Caller]:
    signer = TestSigner()

    def register(server: grpc.aio.Server) -> None:
        image_pb2_grpc.add_ImageServiceServicer_to_server(_Images(), server)  # type: ignore[abstract]
        storage_pb2_grpc.add_StorageServiceServicer_to_server(_Storage(), server)  # type: ignore[abstract]

    settings = ServiceSettings(listen="127.0.0.1:0", shutdown_grace_s=0)
    async with run_server(settings, register=register, verifier=signer.verifier()) as running:
        options = [("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}", options=options) as channel:
            yield _Caller(channel, token or signer.token("ada"))


@pytest.fixture
async def caller() -> AsyncIterator[_Caller]:
    async with _serving() as caller:
        yield caller


@pytest.mark.parametrize("method", [GET, WATCH, UPLOAD])
@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x05x", b"\x0a\xff\xff\xff\xff\x0f", b"\x0b" * 1000])
async def test_bytes_that_are_no_message_are_an_invalid_request(caller: _Caller, method: str, data: bytes) -> None:
    error = await caller.refused(method, data)
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert "Error" not in error.message


@pytest.mark.parametrize(("method", "field"), [(GET, "id"), (WATCH, "id"), (UPLOAD, "filename")])
async def test_text_that_is_no_utf_8_is_named(caller: _Caller, method: str, field: str) -> None:
    tag = b"\x12" if method == UPLOAD else b"\x0a"
    error = await caller.refused(method, tag + b"\x02\xff\xfe")
    assert (error.reason, error.message) == ("INVALID_REQUEST", f"{field}: is not valid UTF-8")
    assert [violation.field for violation in error.fields] == [field]


async def test_text_that_no_database_takes_is_named_and_bytes_may_be_any(caller: _Caller) -> None:
    error = await caller.refused(GET, image_pb2.GetImageRequest(id="a\0b").SerializeToString())
    assert (error.reason, error.message) == ("INVALID_REQUEST", "id: must not hold a NUL character")
    file = storage_pb2.CreateAssetRequest(filename="a")
    file.file.data = bytes(100)
    assert storage_pb2.Asset.FromString(await caller.call(UPLOAD, file.SerializeToString())).size_bytes == 100


@pytest.mark.parametrize("method", [GET, UPLOAD])
async def test_the_error_of_a_message_over_the_limit_has_the_limit(caller: _Caller, method: str) -> None:
    error = await caller.refused(method, b"x" * (MAX_MESSAGE_BYTES + 1))
    assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
    assert error.metadata == {"max_message_bytes": str(MAX_MESSAGE_BYTES)}


async def test_a_later_message_of_a_stream_is_refused_alike(caller: _Caller) -> None:
    good = storage_pb2.CreateAssetRequest(filename="a").SerializeToString()
    assert (await caller.refused(UPLOAD, good, b"\xff")).reason == "INVALID_REQUEST"
    assert storage_pb2.Asset.FromString(await caller.call(UPLOAD, good, good)).size_bytes == 0


async def test_an_unauthenticated_caller_gets_no_error_about_the_bytes() -> None:
    async with _serving("not a token") as stranger:
        assert (await stranger.refused(GET, b"\xff")).code == "UNAUTHENTICATED"


async def test_the_refusal_is_counted_and_traced(caller: _Caller, spans: InMemorySpanExporter) -> None:
    labels = {"method": GET, "code": "INVALID_ARGUMENT"}

    def count() -> float:
        return REGISTRY.get_sample_value("atelier_rpc_calls_total", labels) or 0

    def served() -> list[ReadableSpan]:
        return [span for span in spans.get_finished_spans() if span.name == GET.strip("/")]

    before = count()
    await caller.refused(GET, b"\xff")
    # The caller has its answer a moment before the call has ended.
    await eventually(lambda: count() == before + 1, 10, "the refusal is counted")
    (span,) = await eventually(served, 10, "its span has ended")
    assert (span.attributes or {})["rpc.grpc.status_code"] == 3
