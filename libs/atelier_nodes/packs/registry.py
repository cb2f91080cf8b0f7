"""The registry of a host: its node classes by name, and the packs that files of code belong to.

It is global, as packs expect: `nodes.NODE_CLASS_MAPPINGS` is a view of `NODE_CLASSES`, and a pack may change it.
"""

from collections.abc import Mapping
from pathlib import Path

from atelier_nodes.packs.pack import Pack

NODE_CLASSES: dict[str, type] = {}
"""Every node class of this process."""

DISPLAY_NAMES: dict[str, str] = {}
"""Names of classes for display, for those that have one."""

WEB_DIRECTORIES: dict[str, Path] = {}
"""Folders of scripts and styles of packs, by the name under `/extensions/`."""

_packs: list[Pack] = []
_builtin: set[str] = set()


def add_builtin(classes: Mapping[str, type], display_names: Mapping[str, str]) -> None:
    """Adds the nodes that ship; a pack cannot replace them by its mappings."""
    NODE_CLASSES.update(classes)
    DISPLAY_NAMES.update(display_names)
    _builtin.update(classes)


def is_builtin(name: str) -> bool:
    """True if a node of this name ships."""
    return name in _builtin


def add_pack(pack: Pack) -> None:
    """Adds a pack, so that `pack_of` finds it."""
    _packs.append(pack)


def pack_of(file: str) -> Pack | None:
    """Returns the pack that a file of code belongs to."""
    return next((pack for pack in _packs if Path(file).is_relative_to(pack.path)), None)
