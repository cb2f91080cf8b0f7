"""Prompts: submitted graphs, in the queue and in the history."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SENSITIVE = ("auth_token_comfy_org", "api_key_comfy_org")
"""Keys of `extra_data` that no listing contains."""


@dataclass(frozen=True)
class Prompt:
    """A prompt that waits or runs.

    Attributes:
        seq: Order of arrival, unique.
        number: Priority: lower is earlier.
        id: The client's or the server's UUID; a client may use one again.
        graph: Nodes by id, with literals as validation converted them.
        extra_data: The client's `extra_data`, without sensitive keys.
        sensitive: The sensitive keys of `extra_data`.
        outputs: Ids of the output nodes to run.
        attempts: Number of runs that began, including the current one.
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
        """The id of the client that receives its messages; None if it has none."""
        client = self.extra_data.get("client_id")
        return client if isinstance(client, str) and client else None


@dataclass(frozen=True)
class Ended:
    """The end of a prompt, for the history.

    Attributes:
        outcome: `success`, `error` or `interrupted`.
        outputs: The `ui` of nodes, by node id.
        meta: The places of these nodes, by node id.
        messages: Type and data of the messages about its start, cache, errors and end.
        started_ms, ended_ms: Unix times in milliseconds.
        error: The data of `execution_error`; None if it did not fail.
    """

    outcome: str
    outputs: Mapping[str, Any]
    meta: Mapping[str, Any]
    messages: Sequence[tuple[str, Mapping[str, Any]]]
    started_ms: int
    ended_ms: int
    error: Mapping[str, Any] | None = None

    def status(self) -> dict[str, Any]:
        """Returns the `status` of the entry in the history."""
        success = self.outcome == "success"
        return {
            "status_str": "success" if success else "error",
            "completed": success,
            "messages": [list(message) for message in self.messages],
        }


@dataclass(frozen=True)
class OutputSummary:
    """The outputs of a job in a list of jobs.

    Attributes:
        count: Number of files and other values.
        previewable: Number of files.
        preview: The file to show, with `nodeId` and `mediaType`; None if there is none.
    """

    count: int = 0
    previewable: int = 0
    preview: Mapping[str, Any] | None = field(default=None)

    @classmethod
    def of(cls, outputs: Mapping[str, Any]) -> "OutputSummary":
        """Summarizes the `ui` of nodes. The preview is the last saved file, or else the last temporary one."""
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
    """Returns compact JSON. ASCII is used for text with lone surrogates, which UTF-8 cannot encode."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def plain_number(number: float) -> float | int:
    """Returns an int for a whole number, as clients sent it."""
    return int(number) if number.is_integer() and abs(number) < 2**53 else number
