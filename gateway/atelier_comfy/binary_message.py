"""Binary messages of the socket: previews and texts, each after the number of its kind (4 bytes, big-endian)."""

import struct
from collections.abc import Mapping
from typing import Any

from atelier_comfy.prompt import compact

_PREVIEW, _TEXT, _PREVIEW_WITH_METADATA = 1, 3, 4
_JPEG, _PNG = 1, 2


def preview_message(picture: bytes) -> bytes:
    """A preview for clients that do not support metadata."""
    return struct.pack(">II", _PREVIEW, _PNG if is_png(picture) else _JPEG) + picture


def preview_with_metadata(picture: bytes, metadata: Mapping[str, Any]) -> bytes:
    """A preview with the ids of its node and prompt."""
    kind = "image/png" if is_png(picture) else "image/jpeg"
    header = compact({**metadata, "image_type": kind}).encode()
    return struct.pack(">II", _PREVIEW_WITH_METADATA, len(header)) + header + picture


def text_of_node(node_id: str, text: str) -> bytes:
    """Text that a node shows while it runs."""
    name = node_id.encode(errors="replace")
    return struct.pack(">II", _TEXT, len(name)) + name + text.encode(errors="replace")


def numbered(kind: int, content: bytes) -> bytes:
    """A message of any kind."""
    return struct.pack(">I", kind) + content


def is_png(picture: bytes) -> bool:
    """True if the bytes are a PNG; other previews are JPEGs."""
    return picture.startswith(b"\x89PNG")
