"""gRPC metadata of a call."""

from typing import Any

KIND_HEADER = "x-atelier-kind"
"""Metadata in which a worker names its kind of jobs: the gateway's listener for workers routes by it."""


def metadata_value(metadata: Any, name: str) -> str | None:
    """Returns the first value of key `name` (lower case), or None; `metadata` is a sequence of pairs or None."""
    for key, value in metadata or ():
        if key == name:
            return value.decode() if isinstance(value, bytes) else str(value)
    return None
