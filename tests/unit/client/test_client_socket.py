"""The WebSocket as the client listens to it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from atelier.events.v1.events_pb2 import Event
from atelier_client import AsyncClient, AtelierApiError, CannotReachError, RetryPolicy


@asynccontextmanager
async def _socket(handler: Any, process_request: Any = None) -> AsyncIterator[str]:
    """A WebSocket server; its base URL."""
    async with serve(handler, "127.0.0.1", 0, process_request=process_request) as server:
        yield f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def _take(events: AsyncIterator[Event], number: int) -> list[Event]:
    return [event async for event, _ in _numbered(events, number)]


async def _numbered(events: AsyncIterator[Event], number: int) -> AsyncIterator[tuple[Event, int]]:
    for index in range(number):
        yield await anext(events), index


async def test_the_socket_is_opened_again_behind_the_last_cursor(hasty: RetryPolicy) -> None:
    paths: list[str] = []
    keys: list[str | None] = []
    numbers = count(1)

    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        paths.append(connection.request.path)
        keys.append(connection.request.headers.get("X-Api-Key"))
        await connection.send(json.dumps({"type": "heartbeat", "heartbeat": {}}))
        for _ in range(2):
            number = next(numbers)
            await connection.send(json.dumps({"type": "model.status", "cursor": str(number), "model_status": {}}))
        await connection.close(1013, "try again later")

    async with _socket(handler) as url, AsyncClient(url, "atl_key", retry=hasty) as client:
        events = await _take(client.events(types=["model.status"]), 4)
    assert [event.cursor for event in events] == ["1", "2", "3", "4"]
    assert paths == ["/ws/v1/events?types=model.status", "/ws/v1/events?after=2&types=model.status"]
    assert set(keys) == {"atl_key"}


async def test_a_refused_upgrade_has_its_reason(hasty: RetryPolicy) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(401, '{"code": 16, "message": "the API key is not valid", "details": []}')

    async def handler(connection: ServerConnection) -> None:
        raise AssertionError("nobody comes in")

    async with _socket(handler, refuse) as url, AsyncClient(url, "wrong", retry=hasty) as client:
        with pytest.raises(AtelierApiError, match="the API key is not valid") as caught:
            await anext(client.events())
    assert caught.value.code == "UNAUTHENTICATED"


async def test_a_close_for_a_wrong_request_is_an_error(hasty: RetryPolicy) -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.close(1008, "events after this cursor are no longer kept")

    async with _socket(handler) as url, AsyncClient(url, "k", retry=hasty) as client:
        with pytest.raises(AtelierApiError, match="no longer kept"):
            await anext(client.events(after="1"))


async def test_an_unreachable_gateway_is_an_error(hasty: RetryPolicy) -> None:
    async with AsyncClient("http://127.0.0.1:1", "k", retry=hasty) as client:
        with pytest.raises(CannotReachError):
            await anext(client.events())
