"""Outbox: messages that wait for one socket, limited by dropping older progress.

A client that reads slower than nodes run misses steps of progress: when `CROWDED` messages wait, a new preview or
`progress` of a node replaces the older one, and states of nodes are merged. Messages about outputs and ends are never
dropped; a client for which more than `MOST_BYTES` of them wait is disconnected, and can read the history later.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from atelier_comfy.prompt import compact

MOST_BYTES = 32 * 1024 * 1024
"""The most bytes of waiting messages that may not be dropped."""

CROWDED = 256
"""Number of waiting messages from which on progress replaces older progress with the same key."""


class OutboxFullError(Exception):
    """More than `MOST_BYTES` wait that may not be dropped."""


@dataclass(frozen=True)
class Progress:
    """A message that a newer one may replace.

    Attributes:
        key: Its subject: a newer message with the same key may replace it while it waits.
        body: The message; empty for states of nodes.
        prompt_id: The prompt, for states of nodes.
        nodes: States of nodes by id, which are merged into the replacement; None for other messages.
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
            OutboxFullError: More than `MOST_BYTES` wait that may not be dropped.
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
        """Removes the older message with the same key if many wait, and returns the message to add."""
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
