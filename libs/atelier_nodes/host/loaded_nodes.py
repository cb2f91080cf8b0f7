"""Loaded nodes: the node classes of a process, those that ship and those of packs."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atelier_graph.errors import NodeDeclarationError
from atelier_graph.node_classes import NodeClasses
from atelier_nodes.builtin import DISPLAY_NAMES, NODE_CLASSES
from atelier_nodes.packs import registry
from atelier_nodes.packs.loading import LoadedPacks, load_packs
from atelier_nodes.packs.prompt_server import PromptServer
from atelier_nodes.packs.report import PackReport
from atelier_nodes.packs.route_server import RouteServer

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedNodes:
    """The node classes of this process.

    Attributes:
        packs: The classes of packs, and the report of each pack.
        routes: Serves the routes that packs added.
    """

    packs: LoadedPacks
    routes: RouteServer

    @property
    def python_classes(self) -> Mapping[str, type]:
        """All classes by name; packs may add some while they run."""
        return registry.NODE_CLASSES

    @property
    def pack_nodes(self) -> tuple[str, ...]:
        """The names of the classes of packs."""
        return tuple(name for name in registry.NODE_CLASSES if not registry.is_builtin(name))

    def declarations(self) -> NodeClasses:
        """Returns the current declarations of the classes; each is read on first use."""
        return NodeClasses(self.python_classes, registry.DISPLAY_NAMES)

    def describe(self) -> dict[str, Any]:
        """Returns the fields of `NodeCatalogue`. A class that cannot be described is left out and logged."""
        declarations = self.declarations()
        classes: dict[str, Any] = {}
        for name in list(self.python_classes):
            try:
                info = declarations[name].to_info()
                json.dumps(info)
            except (NodeDeclarationError, TypeError, ValueError, RecursionError) as error:
                _log.warning("node class %s cannot be described: %s", name, error)
            else:
                classes[name] = info
        return {
            "classes": classes,
            "packs": [_entry(report) for report in self.packs.reports],
            "routes": [{"method": method, "path": path} for method, path in self.routes.routes()],
            "web_folders": {name: str(folder) for name, folder in registry.WEB_DIRECTORIES.items()},
        }


async def load_nodes(
    folders: Sequence[Path], extra_paths: Sequence[Path], skipped: Mapping[Path, str], on_import: Callable[[Path], None]
) -> LoadedNodes:
    """Loads all nodes into this process; see `load_packs`. Routes are served once `routes` has started."""
    registry.add_builtin(NODE_CLASSES, DISPLAY_NAMES)
    packs = await load_packs(folders, extra_paths=extra_paths, skipped=skipped, on_import=on_import)
    return LoadedNodes(packs, RouteServer(PromptServer.instance))


def _entry(report: PackReport) -> dict[str, Any]:
    return {
        "name": report.name,
        "path": str(report.path),
        "nodes": list(report.nodes),
        "error": report.error,
        "seconds": report.seconds,
        "notes": list(report.notes),
    }
