"""The prompt server of packs: their HTTP routes, and messages to clients over the WebSocket.

The process of packs serves no port: the host receives requests from its pool and calls the routes, and sends messages
to its pool.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from aiohttp import web

from atelier_graph.context import current_node

log = logging.getLogger(__name__)

OnPrompt = Callable[[dict[str, Any]], dict[str, Any]]


PROMPT_HANDLERS_PATH = "/atelier/prompt-handlers"
"""The route that applies prompt handlers to the body of `POST /prompt`; it exists if a pack added a handler."""


class ClientMessages(Protocol):
    """The port for messages of nodes to clients; called in any thread."""

    def send(self, event: str | int, data: Any, client_id: str | None) -> None:
        """Sends a message.

        Args:
            event: The type of a text message, or the number of a binary one.
            data: JSON values; bytes or a picture for a binary message.
            client_id: The client that receives it; None for every client.
        """


class NoClients:
    """No client is connected: messages have no receiver."""

    def send(self, event: str | int, data: Any, client_id: str | None) -> None:
        """Drops the message, as a server without sockets does."""


@dataclass(slots=True)
class PromptQueue:
    """The part of the queue that packs read; always empty in a host."""

    currently_running: dict[int, Any] = field(default_factory=dict)

    def get_tasks_remaining(self) -> int:
        """Returns the number of entries in `currently_running`."""
        return len(self.currently_running)


class PromptServer:
    """One object for each host, which packs find as `PromptServer.instance`.

    Attributes:
        routes: Where packs add their routes, by `@routes.get(path)` and its kin.
        app: The application that routes are served by.
        client_id: The client that submitted the graph with nodes of packs that runs; there is one at a time.
        last_prompt_id: That graph's execution.
        prompt_queue: What packs read of the queue.
        on_prompt_handlers: Functions that may change the body of `POST /prompt`.
        messages: Where messages to clients go; the host sets it.
    """

    instance: ClassVar["PromptServer"]

    def __init__(self) -> None:
        self.routes = web.RouteTableDef()
        self.app = web.Application(client_max_size=1 << 30)
        self.client_id: str | None = None
        self.last_prompt_id: str | None = None
        self.supports: list[str] = ["custom_nodes_from_web"]
        self.prompt_queue = PromptQueue()
        self.number = 0
        self.on_prompt_handlers: list[OnPrompt] = []
        self.messages: ClientMessages = NoClients()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def last_node_id(self) -> str | None:
        """The node that runs, or None outside of nodes."""
        node = current_node()
        return node.node_id if node else None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop on which routes run.

        Raises:
            RuntimeError: The host has not begun to serve them.
        """
        if self._loop is None:
            raise RuntimeError("The host does not serve routes yet")
        return self._loop

    @loop.setter
    def loop(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def send_sync(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """Sends a message to a client, or to every client; on any thread."""
        self.messages.send(event, data, sid)

    async def send(self, event: str | int, data: Any, sid: str | None = None) -> None:
        """Sends a message to a client, or to every client."""
        self.messages.send(event, data, sid)

    async def send_json(self, event: str, data: Any, sid: str | None = None) -> None:
        """Sends a text message to a client, or to every client."""
        self.messages.send(event, data, sid)

    def send_progress_text(self, text: str | bytes, node_id: str, sid: str | None = None) -> None:
        """Sends a text that is shown on a node while it runs."""
        content = text.encode() if isinstance(text, str) else text
        node = node_id.encode()
        self.messages.send(BinaryEventTypes.TEXT, len(node).to_bytes(4, "big") + node + content, sid or self.client_id)

    def add_on_prompt_handler(self, handler: OnPrompt) -> None:
        """Adds a function that may change the body of `POST /prompt`."""
        self.on_prompt_handlers.append(handler)

    def trigger_on_prompt(self, body: dict[str, Any]) -> dict[str, Any]:
        """Returns the body that the handlers made; a handler that fails is skipped and logged."""
        for handler in self.on_prompt_handlers:
            try:
                body = handler(body)
            except Exception:
                log.exception("a pack's prompt handler failed")
        return body

    def queue_updated(self) -> None:
        """Does nothing: the queue is the door's, which publishes its changes itself."""

    def get_queue_info(self) -> dict[str, Any]:
        """Returns the number of tasks that remain, in the form of a status message."""
        return {"exec_info": {"queue_remaining": self.prompt_queue.get_tasks_remaining()}}


class BinaryEventTypes:
    """Numbers of binary messages."""

    PREVIEW_IMAGE = 1
    UNENCODED_PREVIEW_IMAGE = 2
    TEXT = 3
    PREVIEW_IMAGE_WITH_METADATA = 4


PromptServer.instance = PromptServer()
