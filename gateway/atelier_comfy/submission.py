"""Submissions: the body of `POST /prompt`, checked except for the graph."""

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atelier_comfy.prompt import SENSITIVE


class PromptRefusedError(Exception):
    """A prompt is refused; `body` is the JSON of the response, in ComfyUI's shape."""

    def __init__(self, body: Mapping[str, Any], status: int = 400) -> None:
        super().__init__(str(body))
        self.body = body
        self.status = status

    @classmethod
    def of(cls, kind: str, message: str, details: str | None = None, *, status: int = 400) -> "PromptRefusedError":
        """Returns an error that is not about a node."""
        said = message if details is None else details
        return cls({"error": error_object(kind, message, said), "node_errors": {}}, status)


@dataclass(frozen=True)
class Submission:
    """A prompt as it was posted.

    Attributes:
        graph: The value of `prompt`, not checked.
        prompt_id: The client's id, or a new one.
        number: The priority that the client requests; None for the next number.
        front: True to put it before all waiting prompts.
        extra_data: The client's `extra_data` with `client_id`, without sensitive keys.
        sensitive: The sensitive keys.
        targets: Output nodes to run; None for all.
    """

    graph: Any
    prompt_id: str
    number: float | None
    front: bool
    extra_data: Mapping[str, Any]
    sensitive: Mapping[str, Any]
    targets: Sequence[str] | None


def read_submission(body: object, usage_source: str | None = None) -> Submission:
    """Reads the body.

    Args:
        body: Parsed JSON.
        usage_source: The header `Comfy-Usage-Source`.

    Raises:
        PromptRefusedError: The body is not an object, has no prompt, or a field has the wrong type.
    """
    if not isinstance(body, dict):
        raise PromptRefusedError.of("invalid_body", "The body must be a JSON object")
    if "prompt" not in body:
        raise PromptRefusedError.of("no_prompt", "No prompt provided")
    extra_data = body.get("extra_data") or {}
    if not isinstance(extra_data, dict):
        raise PromptRefusedError.of("invalid_extra_data", "extra_data must be an object")
    extra_data = dict(extra_data)
    client_id = body.get("client_id")
    if client_id is not None:
        if not isinstance(client_id, str):
            raise PromptRefusedError.of("invalid_client_id", "client_id must be a string")
        extra_data["client_id"] = client_id
    if usage_source:
        extra_data.setdefault("comfy_usage_source", usage_source)
    sensitive = {key: extra_data.pop(key) for key in SENSITIVE if key in extra_data}
    return Submission(
        body["prompt"],
        _prompt_id(body.get("prompt_id")),
        _number(body.get("number")),
        bool(body.get("front")),
        extra_data,
        sensitive,
        _targets(body.get("partial_execution_targets")),
    )


def error_object(kind: str, message: str, details: str = "") -> dict[str, Any]:
    """The object under `error`."""
    return {"type": kind, "message": message, "details": details, "extra_info": {}}


def _prompt_id(value: object) -> str:
    if value is None:
        return str(uuid.uuid4())
    if isinstance(value, str):
        try:
            if str(uuid.UUID(value)) == value:
                return value
        except ValueError:
            pass  # said below
    raise PromptRefusedError.of(
        "invalid_prompt_id",
        "prompt_id must be a valid UUID",
        "prompt_id must be a UUID string in canonical lowercase hyphenated form; "
        "omit it to let the server generate one",
    )


def _number(value: object) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise PromptRefusedError.of("invalid_number", "number must be a finite number")
    return number


def _targets(value: object) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(target, str) for target in value):
        raise PromptRefusedError.of(
            "invalid_partial_execution_targets", "partial_execution_targets must be a list of node ids"
        )
    return value
