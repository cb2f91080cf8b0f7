"""The node that shows any value as text."""

from __future__ import annotations

import json
from typing import Any

from atelier_nodes.builtin.declarations import InputTypes, linked

# A text that an editor shows.
_MAX_CHARACTERS = 100_000


class PreviewAny:
    """Shows a value as text."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "main"
    OUTPUT_NODE = True
    CATEGORY = "utilities"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"source": linked("*")}}

    def main(self, source: Any = None) -> dict[str, Any]:
        shown = _text(source)[:_MAX_CHARACTERS]
        return {"ui": {"text": (shown,)}, "result": (shown,)}


NODES: tuple[type, ...] = (PreviewAny,)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, int | float | bool):
        return str(value)
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return str(value)
