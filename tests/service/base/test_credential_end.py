"""Streams and waits end when the credential does that opened them; downloads finish."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import pytest
from google.api import httpbody_pb2
from tests.support.tokens import TestSigner
from tests.support.wait import eventually

from atelier.auth.v1 import auth_pb2, auth_pb2_grpc
from atelier.events.v1 import events_pb2
from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier_service.identity import LEEWAY_S
from atelier_service.process import background
from atelier_service.revoked_keys import RevokedKeys
from atelier_service.rpc_errors import from_rpc_error
from atelier_service.server import run_server
from atelier_service.settings import ServiceSettings

ALMOST_OVER_S = 4 - LEEWAY_S


class Auth(auth_pb2_grpc.AuthServiceServicer):
    """Tells of revoked keys, and remembers from when on it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.revoked: asyncio.Queue[str] = asyncio.Queue()

    async def WatchRevokedKeys(
        self, request: auth_pb2.WatchRevokedKeysRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[auth_pb2.RevokedKeys]:
        self.asked.append(request.since.seconds)
        message = auth_pb2.RevokedKeys()
        message.until.FromSeconds(1000 + len(self.asked))
        yield message
        while key_id := await self.revoked.get():
            message.ids[:] = [key_id]
            yield message


class Images(image_pb2_grpc.ImageServiceServicer):
    """Never comes to an end by itself."""

    def __init__(self) -> None:
        self.open = 0
        self.finish = asyncio.Event()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    async def WatchImage(
        self, request: image_pb2.WatchImageRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[events_pb2.Event]:
        async with self._opened():
            yield events_pb2.Event(seq=1)
            while request.id == "flood":
                yield events_pb2.Event(job_id="x" * 100_000)
            await self.finish.wait()

    async def GenerateImage(
        self, request: image_pb2.GenerateImageRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> image_pb2.Image:
        async with self._opened():
            await self.finish.wait()
        return image_pb2.Image(id="1")

    async def GetImageContent(
        self, request: image_pb2.GetImageContentRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        async with self._opened():
            yield httpbody_pb2.HttpBody(data=b"a")
            await self.finish.wait()
            yield httpbody_pb2.HttpBody(data=b"b")


@dataclass
class Service:
    """A small service, and the auth that it listens to."""

    stub: image_pb2_grpc.ImageServiceStub
    images: Images
    auth: Auth
    auth_server: grpc.aio.Server
    revoked: RevokedKeys
    signer: TestSigner = field(repr=False)

    def watch(self, image_id: str = "1", **claims: Any) -> Any:
        request = image_pb2.WatchImageRequest(id=image_id)
        return self.stub.WatchImage(request, metadata=self.signer.metadata("ada", **claims))


@asynccontextmanager
async def serving(auth: Auth, port: int = 0) -> AsyncIterator[tuple[grpc.aio.Server, int]]:
    server = grpc.aio.server()
    auth_pb2_grpc.add_AuthServiceServicer_to_server(auth, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield server, port
    finally:
        await server.stop(0)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    auth, images, signer, revoked = Auth(), Images(), TestSigner(), RevokedKeys(grace_s=0.5)  # type: ignore[abstract]
    async with (
        serving(auth) as (auth_server, auth_port),
        run_server(
            ServiceSettings(listen="127.0.0.1:0", shutdown_grace_s=0),
            register=lambda server: image_pb2_grpc.add_ImageServiceServicer_to_server(images, server),
            verifier=signer.verifier(),
            revoked=revoked,
        ) as running,
        background(revoked.run(f"127.0.0.1:{auth_port}")),
        grpc.aio.insecure_channel(running.address) as channel,
    ):
        await eventually(lambda: auth.asked)
        yield Service(image_pb2_grpc.ImageServiceStub(channel), images, auth, auth_server, revoked, signer)


async def reason_of_end(call: Any) -> str:
    """Why the stream ended."""

    async def read_on() -> None:
        while await call.read():
            pass

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await asyncio.wait_for(read_on(), 30)
    return from_rpc_error(raised.value).reason


async def test_a_tokens_stream_ends_when_the_token_does(service: Service) -> None:
    assert await reason_of_end(service.watch(lifetime_s=ALMOST_OVER_S)) == "TOKEN_EXPIRED"
    await eventually(lambda: service.images.open == 0)


async def test_the_last_event_of_a_stream_has_the_reason_of_its_end(service: Service) -> None:
    call = service.watch(lifetime_s=ALMOST_OVER_S)
    assert (await call.read()).seq == 1
    last = await asyncio.wait_for(call.read(), 30)
    assert (last.type, last.error_notification.error.reason, last.cursor) == (
        "error.notification",
        "TOKEN_EXPIRED",
        "",
    )
    assert await reason_of_end(call) == "TOKEN_EXPIRED"


async def test_a_stream_whose_reader_reads_nothing_ends_as_well(service: Service) -> None:
    call = service.watch("flood", lifetime_s=ALMOST_OVER_S)
    await call.read()
    await eventually(lambda: service.images.open == 0, 30)
    call.cancel()


async def test_a_keys_stream_goes_on_until_the_key_is_revoked(service: Service) -> None:
    claims: dict[str, Any] = {"from_key": True, "lifetime_s": ALMOST_OVER_S}
    mine, other = service.watch(key_id="k1", **claims), service.watch(key_id="k2", **claims)
    await mine.read()
    await other.read()
    await service.auth.revoked.put("k1")
    assert await reason_of_end(mine) == "KEY_REVOKED"
    assert service.images.open == 1
    other.cancel()


async def test_a_keys_stream_ends_when_the_key_does(service: Service) -> None:
    end_s = time.time() + ALMOST_OVER_S
    call = service.watch(key_id="k1", from_key=True, key_exp=end_s, lifetime_s=300)
    assert await reason_of_end(call) == "TOKEN_EXPIRED"


async def test_a_stream_of_a_token_that_was_made_from_a_key_ends_with_the_key_too(service: Service) -> None:
    call = service.watch(key_id="k1")
    await call.read()
    await service.auth.revoked.put("k1")
    assert await reason_of_end(call) == "KEY_REVOKED"


async def test_tokens_of_a_revoked_key_open_nothing_any_more(service: Service) -> None:
    await service.auth.revoked.put("k1")
    await eventually(lambda: service.revoked.is_revoked("k1"))
    assert await reason_of_end(service.watch(key_id="k1")) == "UNAUTHENTICATED"


async def test_a_wait_for_the_end_of_a_job_ends_with_the_credential(service: Service) -> None:
    metadata = service.signer.metadata("ada", lifetime_s=ALMOST_OVER_S)
    request = image_pb2.GenerateImageRequest(parameters=image_pb2.GenerationParameters(prompt="x"))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await service.stub.GenerateImage(request, metadata=(*metadata, ("prefer", "wait=60")), timeout=30)
    assert from_rpc_error(raised.value).reason == "TOKEN_EXPIRED"


async def test_a_download_that_has_begun_finishes(service: Service) -> None:
    request = image_pb2.GetImageContentRequest(id="1")
    metadata = service.signer.metadata("ada", lifetime_s=ALMOST_OVER_S)
    call: Any = service.stub.GetImageContent(request, metadata=metadata)
    assert (await call.read()).data == b"a"
    assert await reason_of_end(service.watch(lifetime_s=ALMOST_OVER_S)) == "TOKEN_EXPIRED"  # the time has passed
    service.images.finish.set()
    assert (await call.read()).data == b"b"


async def test_without_auth_a_keys_stream_goes_on_for_a_while_and_a_tokens_to_its_end(service: Service) -> None:
    by_key, by_token = service.watch(key_id="k1", from_key=True), service.watch(key_id="k1")
    await by_key.read()
    await by_token.read()
    await service.auth_server.stop(0)
    assert await reason_of_end(by_key) == "KEY_UNCONFIRMED"
    assert service.images.open == 1
    by_token.cancel()


async def test_the_stream_of_auth_is_resumed_after_its_last_message(service: Service) -> None:
    await service.auth.revoked.put("")
    await eventually(lambda: len(service.auth.asked) == 2, 30)
    assert service.auth.asked == [0, 1001]
