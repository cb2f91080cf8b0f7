"""Outbox: messages that wait for one slow socket, bounded by leaving out progress and never what matters.

A client that reads slower than nodes run loses single steps of progress: of previews and `progress` only the newest of
each node waits, and states of nodes that were not sent are merged into the next ones. What tells of outputs and ends is
never left out; a client that lets megabytes of that pile up is disconnected, and reads the history when it comes back.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from atelier_comfy.prompt import compact

MOST_BYTES = 32 * 1024 * 1024
"""Of messages that may not be left out."""

CROWDED = 256
"""Messages that wait, from which on progress replaces older progress instead of waiting behind it."""


class OutboxFullError(Exception):
    """The client reads nothing, and what waits for it may not be left out."""


@dataclass(frozen=True)
class Progress:
    """A message of which the newest one counts.

    Attributes:
        key: What it tells of: one with the same key replaces it while both wait.
        nodes: For states of nodes: those that it holds, which the replacement must hold too.
    """

    key: str
    body: str | bytes = ""
    prompt_id: str = ""
    nodes: dict[str, Any] | None = None


class Outbox:
    """Messages of one socket in the order in which they are sent."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, str | bytes | Progress] = OrderedDict()
        self._number = 0
        self._bytes = 0
        self._newest: dict[str, int] = {}
        self._ready = asyncio.Event()

    def put(self, message: "str | bytes | Progress") -> None:
        """Appends a message.

        Raises:
            OutboxFullError: More than `MOST_BYTES` wait that may not be left out.
        """
        if isinstance(message, Progress):
            message = self._merged(message)
            self._newest[message.key] = self._number
        else:
            self._bytes += len(message)
            if self._bytes > MOST_BYTES:
                raise OutboxFullError
        self._waiting[self._number] = message
        self._number += 1
        self._ready.set()

    async def take(self) -> list[str | bytes]:
        """Waits for messages and returns all that wait, oldest first."""
        await self._ready.wait()
        self._ready.clear()
        messages = [_body(message) for message in self._waiting.values()]
        self._waiting.clear()
        self._newest.clear()
        self._bytes = 0
        return messages

    def _merged(self, message: Progress) -> Progress:
        """Takes the older message of the same key out, when many wait."""
        older = self._newest.get(message.key)
        if older is None or len(self._waiting) < CROWDED:
            return message
        replaced = self._waiting.pop(older)
        if message.nodes is None or not isinstance(replaced, Progress) or replaced.nodes is None:
            return message
        return Progress(message.key, prompt_id=message.prompt_id, nodes={**replaced.nodes, **message.nodes})


def _body(message: str | bytes | Progress) -> str | bytes:
    if not isinstance(message, Progress):
        return message
    if message.nodes is None:
        return message.body
    return compact({"type": "progress_state", "data": {"prompt_id": message.prompt_id, "nodes": message.nodes}})
