"""Sockets: one for each client id, and none that holds the server up."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from aiohttp import ClientSession, WSMsgType, web
from aiohttp.test_utils import TestServer

from atelier_comfy.client_socket import ClientSockets
from atelier_comfy.outbox import MOST_BYTES
from tests.support.wait import eventually

MIB = 1024 * 1024


@pytest_asyncio.fixture
async def sockets() -> ClientSockets:
    return ClientSockets()


@pytest_asyncio.fixture
async def url(sockets: ClientSockets) -> AsyncIterator[str]:
    async def serve(request: web.Request) -> web.StreamResponse:
        return await sockets.serve(request, lambda client_id: [f"hello {client_id}"])

    application = web.Application()
    application.router.add_get("/ws", serve)
    async with TestServer(application) as server:
        yield str(server.make_url("/ws"))


async def test_a_client_without_an_id_is_given_one(url: str) -> None:
    async with ClientSession() as session, session.ws_connect(url) as socket:
        assert len((await socket.receive_str()).removeprefix("hello ")) == 32


async def test_messages_go_to_one_or_to_all(url: str, sockets: ClientSockets) -> None:
    async with (
        ClientSession() as session,
        session.ws_connect(f"{url}?clientId=a") as one,
        session.ws_connect(f"{url}?clientId=b") as two,
    ):
        assert [await one.receive_str(), await two.receive_str()] == ["hello a", "hello b"]
        sockets.send("a", "for a")
        sockets.send("c", "for nobody")
        sockets.broadcast(b"for all")
        assert await one.receive_str() == "for a"
        assert [await one.receive_bytes(), await two.receive_bytes()] == [b"for all", b"for all"]
    await eventually(lambda: not sockets.client_ids())


async def test_a_client_that_reads_nothing_is_disconnected_and_delays_no_other(
    url: str, sockets: ClientSockets
) -> None:
    async with (
        ClientSession() as session,
        session.ws_connect(f"{url}?clientId=deaf", max_msg_size=0) as deaf,
        session.ws_connect(f"{url}?clientId=other") as other,
    ):
        assert await other.receive_str() == "hello other"
        for number in range(2 * MOST_BYTES // MIB):
            sockets.send("deaf", f"{number} ".ljust(MIB))
            await asyncio.sleep(0)  # the writer has its turn
        sockets.broadcast("still here")
        assert await other.receive_str() == "still here"
        await eventually(lambda: sockets.client_ids() == ["other"])
        async with asyncio.timeout(30):
            received = [await deaf.receive()]
            while received[-1].type is WSMsgType.TEXT:
                received.append(await deaf.receive())
        assert received[-1].type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
        assert len(received) < 2 * MOST_BYTES // MIB
