"""Client sockets: the open WebSockets at /ws, and the messages to each."""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from aiohttp import WSMessage, WSMsgType, web

from atelier_comfy.outbox import Outbox, OutboxFullError, Progress
from atelier_comfy.prompt import compact
from atelier_service.tasks import cancel_and_join

_CLOSE_TIMEOUT_S = 5.0
SERVER_FEATURES: dict[str, Any] = {"supports_preview_metadata": True}


def text_message(kind: str, data: Any) -> str:
    """Returns the JSON of a message; `data` is usually an object."""
    return compact({"type": kind, "data": data})


class Messages(Protocol):
    """The port for messages to clients. No method waits for a client."""

    def send(self, client_id: str, message: str | bytes | Progress) -> None:
        """Sends to one client; does nothing if it is not connected."""
        ...

    def broadcast(self, message: str | bytes | Progress) -> None:
        """Sends to all clients."""
        ...

    def supports(self, client_id: str, feature: str) -> bool:
        """Whether the client said that it supports `feature`."""
        ...


class ClientSockets:
    """All open sockets, one for each client id."""

    def __init__(self) -> None:
        self._open: dict[str, _Client] = {}

    def send(self, client_id: str, message: str | bytes | Progress) -> None:
        """Sends to one client."""
        client = self._open.get(client_id)
        if client is not None:
            client.put(message)

    def broadcast(self, message: str | bytes | Progress) -> None:
        """Sends to all clients."""
        for client in list(self._open.values()):
            client.put(message)

    def supports(self, client_id: str, feature: str) -> bool:
        """Whether the client said that it supports `feature`."""
        client = self._open.get(client_id)
        return client is not None and bool(client.features.get(feature))

    def client_ids(self) -> list[str]:
        """Returns the ids of all connected clients."""
        return list(self._open)

    def close_all(self) -> None:
        """Closes every socket."""
        for client in self._open.values():
            client.end()

    async def serve(
        self, request: web.Request, welcome: Callable[[str], list[str | Progress]]
    ) -> web.WebSocketResponse:
        """Serves one socket until it closes.

        Args:
            request: The request `GET /ws?clientId=`; without an id, a new one is assigned.
            welcome: Returns the first messages for a client id.
        """
        socket = web.WebSocketResponse(compress=False, max_msg_size=1024 * 1024, timeout=_CLOSE_TIMEOUT_S)
        await socket.prepare(request)
        client_id = request.query.get("clientId") or uuid.uuid4().hex
        client = _Client()
        with self._registered(client_id, client):
            for message in welcome(client_id):
                client.put(message)
            works = [client.write(socket), client.read(socket), client.ended()]
            tasks = [asyncio.create_task(work) for work in works]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await cancel_and_join(*tasks)
        await _close(socket, request)
        return socket

    @contextmanager
    def _registered(self, client_id: str, client: "_Client") -> Iterator[None]:
        """Registers `client` under the id inside the block; closes an older one with that id."""
        older = self._open.get(client_id)
        if older is not None:
            older.end()
        self._open[client_id] = client
        try:
            yield
        finally:
            if self._open.get(client_id) is client:
                del self._open[client_id]


class _Client:
    """One socket: its outbox, and the features that the client supports."""

    def __init__(self) -> None:
        self.features: Mapping[str, Any] = {}
        self._outbox = Outbox()
        self._end = asyncio.Event()
        self._said_features = False

    def put(self, message: str | bytes | Progress) -> None:
        if self._end.is_set():
            return
        try:
            self._outbox.put(message)
        except OutboxFullError:
            self.end()

    def end(self) -> None:
        """Requests that the socket is closed; waiting messages are not sent."""
        self._end.set()

    async def ended(self) -> None:
        """Waits until `end` is called."""
        await self._end.wait()

    async def write(self, socket: web.WebSocketResponse) -> None:
        """Sends messages until the client disconnects."""
        try:
            while True:
                for message in await self._outbox.take():
                    if isinstance(message, str):
                        await socket.send_str(message)
                    else:
                        await socket.send_bytes(message)
        except ConnectionError:
            return  # the client has disconnected

    async def read(self, socket: web.WebSocketResponse) -> None:
        """Reads until the client closes the socket; the first message may name its features."""
        async for message in socket:
            features = None if self._said_features else _features_of(message)
            self._said_features = True
            if features is not None:
                self.features = features
                self.put(text_message("feature_flags", SERVER_FEATURES))


async def _close(socket: web.WebSocketResponse, request: web.Request) -> None:
    """Closes the socket; aborts the connection of a client that does not confirm that in time."""
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await socket.close()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()


def _features_of(message: WSMessage) -> Mapping[str, Any] | None:
    if message.type is not WSMsgType.TEXT:
        return None
    try:
        said = json.loads(message.data)
    except ValueError:
        return None
    if not isinstance(said, dict) or said.get("type") != "feature_flags":
        return None
    features = said.get("data")
    return features if isinstance(features, dict) else None
