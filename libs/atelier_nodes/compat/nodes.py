"""`nodes`: the node classes of this host, and those that ship under their own names."""

from typing import Any

import atelier_nodes.builtin
from atelier_nodes.packs.registry import DISPLAY_NAMES as NODE_DISPLAY_NAME_MAPPINGS
from atelier_nodes.packs.registry import NODE_CLASSES as NODE_CLASS_MAPPINGS
from atelier_nodes.packs.registry import WEB_DIRECTORIES as EXTENSION_WEB_DIRS

__all__ = ["EXTENSION_WEB_DIRS", "MAX_RESOLUTION", "NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]

MAX_RESOLUTION = 16384
"""The largest width and height of a picture, in pixels."""


def __getattr__(name: str) -> Any:
    """Returns the node class that ships under a name, such as `SaveImage`."""
    classes: dict[str, type] = getattr(atelier_nodes.builtin, "NODE_CLASSES", {})
    if node_class := classes.get(name):
        return node_class
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
