"""Metadata of a call."""

from typing import Any


def metadata_value(metadata: Any, name: str) -> str | None:
    """The first value of metadata key `name` (lower case), or None; `metadata` is a sequence of pairs or None."""
    for key, value in metadata or ():
        if key == name:
            return value.decode() if isinstance(value, bytes) else str(value)
    return None
