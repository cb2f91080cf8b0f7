"""A client of ComfyUI's API as people write them: it submits, watches the socket, and fetches history and pictures."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

LIMIT_S = 60.0

Message = dict[str, Any]


class ComfyClient:
    """One client with one socket."""

    def __init__(self, session: ClientSession, url: str, client_id: str, socket: ClientWebSocketResponse) -> None:
        self.session = session
        self.url = url
        self.client_id = client_id
        self.socket = socket
        self.binary: list[bytes] = []

    async def submit(self, graph: Any, **more: Any) -> Any:
        """Posts a prompt and returns its id."""
        status, answer = await self.post("/prompt", {"prompt": graph, "client_id": self.client_id, **more})
        assert status == 200, answer
        return answer["prompt_id"]

    async def message(self) -> Message:
        """The next text message; binary ones on the way are collected."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                received = await self.socket.receive()
                if received.type is WSMsgType.BINARY:
                    self.binary.append(received.data)
                    continue
                assert received.type is WSMsgType.TEXT, received
                message: Message = json.loads(received.data)
                return message

    async def until_end(self, prompt_id: str) -> list[Message]:
        """All messages until the end of a prompt, that one included."""
        messages = []
        while True:
            messages.append(await self.message())
            if messages[-1] == {"type": "executing", "data": {"node": None, "prompt_id": prompt_id}}:
                return messages

    async def until(self, kind: str, **data: Any) -> Message:
        """The next message of a type whose data holds these values."""
        while True:
            message = await self.message()
            if message["type"] == kind and all(message["data"].get(name) == value for name, value in data.items()):
                return message

    async def run(self, graph: Any, **more: Any) -> Any:
        """Runs a graph to its end and returns its entry of the history."""
        prompt_id = await self.submit(graph, **more)
        await self.until_end(prompt_id)
        return (await self.get(f"/history/{prompt_id}"))[prompt_id]

    async def get(self, path: str, /, **query: str) -> Any:
        """The JSON at a path."""
        async with self.session.get(self.url + path, params=query) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def status(self, path: str, /, **query: str) -> int:
        """The status of a GET."""
        async with self.session.get(self.url + path, params=query) as response:
            return response.status

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON, or text, of a POST."""
        async with self.session.post(self.url + path, json=body) as response:
            text = await response.text()
            return response.status, json.loads(text) if response.content_type == "application/json" else text


@asynccontextmanager
async def comfy_client(url: str, client_id: str = "") -> AsyncIterator[ComfyClient]:
    """A client with an open socket, whose first message, the status, has been read."""
    name = client_id or str(uuid.uuid4())
    async with (
        ClientSession() as session,
        session.ws_connect(f"{url}/ws", params={"clientId": name}, max_msg_size=0) as socket,
    ):
        client = ComfyClient(session, url, name, socket)
        first = await client.message()
        assert first["type"] == "status", first
        assert first["data"]["sid"] == name
        yield client
