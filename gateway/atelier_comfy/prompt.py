"""Prompt: a graph that was submitted, from its place in the queue to its entry in the history."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SENSITIVE = ("auth_token_comfy_org", "api_key_comfy_org")
"""Keys of `extra_data` that no listing shows."""


@dataclass(frozen=True)
class Prompt:
    """A prompt that waits or runs.

    Attributes:
        seq: Order of arrival, unique.
        number: Priority: lower is earlier.
        id: The client's or the server's UUID; a client may use one again.
        graph: Node id to node, with literals as validation coerced them.
        extra_data: What the client sent with it, without sensitive keys.
        sensitive: The sensitive keys of what the client sent.
        outputs: Ids of the output nodes to run.
        attempts: Runs begun, this one included.
    """

    seq: int
    number: float
    id: str
    graph: Mapping[str, Any]
    extra_data: Mapping[str, Any]
    sensitive: Mapping[str, Any]
    outputs: Sequence[str]
    attempts: int = 0

    @property
    def client_id(self) -> str | None:
        """Of the socket that hears of it."""
        client = self.extra_data.get("client_id")
        return client if isinstance(client, str) and client else None


@dataclass(frozen=True)
class Ended:
    """How a prompt ended.

    Attributes:
        outcome: `success`, `error` or `interrupted`.
        outputs: Node id to what it showed, its `ui`.
        meta: Node id to the ids that it is displayed under.
        messages: Pairs of type and data: what the socket was sent of its start and end.
        started_ms, ended_ms: Unix times.
    """

    outcome: str
    outputs: Mapping[str, Any]
    meta: Mapping[str, Any]
    messages: Sequence[tuple[str, Mapping[str, Any]]]
    started_ms: int
    ended_ms: int
    error: Mapping[str, Any] | None = None

    def status(self) -> dict[str, Any]:
        """The history's account of the end."""
        success = self.outcome == "success"
        return {
            "status_str": "success" if success else "error",
            "completed": success,
            "messages": [list(message) for message in self.messages],
        }


@dataclass(frozen=True)
class OutputSummary:
    """What a list of jobs says about outputs.

    Attributes:
        count: Files and other values that nodes showed.
        previewable: Those of them that are pictures, clips or sounds.
        preview: The one to show, with `nodeId` and `mediaType`; None when there is none.
    """

    count: int = 0
    previewable: int = 0
    preview: Mapping[str, Any] | None = field(default=None)

    @classmethod
    def of(cls, outputs: Mapping[str, Any]) -> "OutputSummary":
        """Counts; prefers a saved file to a temporary one as the preview, and a later one to an earlier."""
        count = 0
        shown: list[dict[str, Any]] = []
        for node_id, values in outputs.items():
            for media, items in values.items():
                if media == "animated" or not isinstance(items, list):
                    continue
                count += len(items)
                shown += [
                    {**item, "nodeId": node_id, "mediaType": media}
                    for item in items
                    if isinstance(item, dict) and isinstance(item.get("filename"), str)
                ]
        saved = [item for item in shown if item.get("type") == "output"]
        preview = next(reversed(saved or shown), None)
        return cls(count, len(shown), preview)


def compact(value: object) -> str:
    """JSON as short as it gets; half a surrogate pair, which no encoding of text has, stays an escape."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def plain_number(number: float) -> float | int:
    """An integer where it is one, as clients sent it."""
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
