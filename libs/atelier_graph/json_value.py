"""JSON values: exact parsing, and conversion of values that a node returned or received."""

import json
import math
import reprlib
from typing import Any

from atelier_graph.errors import GraphError, NodeReturnError

_TEXT = 2_000
_ITEMS = 32

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 500
_short.maxlevel = 3


def parse_json(text: str | bytes) -> Any:
    """Parses JSON; integers of any size stay exact.

    Raises:
        GraphError: `invalid_json`, with the position of the fault.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise GraphError("invalid_json", "The request is not valid JSON", details="nested too deeply") from None
    except ValueError as error:  # also bytes that are not UTF-8, and integers of more digits than Python reads
        raise GraphError("invalid_json", "The request is not valid JSON", details=str(error)) from None


def checked_ui(ui: object) -> dict[str, Any]:
    """A node's `ui` as plain JSON values.

    Raises:
        NodeReturnError: It is not a JSON object.
    """
    try:
        value = json.loads(json.dumps(ui, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise NodeReturnError(f"The node returned a ui that is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise NodeReturnError(f"The node returned a ui that is not an object but {type(ui).__name__}")
    return value


def displayed(value: object) -> Any:
    """A value as JSON of bounded size, for display: numbers and short strings unchanged, other values as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= 64 else _shortened(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return value if len(value) <= _TEXT else f"{value[:_TEXT]}…"
    return _shortened(value)


def displayed_list(values: object) -> list[Any]:
    """The first 32 elements of a list of values, each converted by `displayed`."""
    if not isinstance(values, list | tuple):
        return [displayed(values)]
    return [displayed(value) for value in values[:_ITEMS]]


def _shortened(value: object) -> str:
    try:
        return _short.repr(value)
    except Exception as error:  # noqa: BLE001 - code of a node's class, which must not fail the report about a failure
        return f"<{type(value).__name__}: its text raised {type(error).__name__}>"
