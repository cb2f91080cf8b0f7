"""The parameters of a clip as the one text that every container keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def parameters_text(parameters: Mapping[str, Any]) -> str:
    """JSON, the same for equal parameters; empty when there are none."""
    if not parameters:
        return ""
    return json.dumps(dict(parameters), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def read_parameters_text(text: str | None) -> dict[str, Any] | None:
    """What `parameters_text` was made of; None when the text is somebody else's, or there is none."""
    try:
        value = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
