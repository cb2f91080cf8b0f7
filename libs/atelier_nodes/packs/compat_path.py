"""The import path of the modules that packs import, such as `folder_paths` and `comfy.utils`.

They are in a folder that is not a package, and on `sys.path` only in a process that loads packs.
"""

import importlib
import sys
from pathlib import Path

COMPAT = Path(__file__).resolve().parent.parent / "compat"

_IMPORTED_FIRST = (
    "folder_paths",
    "nodes",
    "server",
    "execution",
    "latent_preview",
    "node_helpers",
    "protocol",
    "comfy.utils",
    "comfy.samplers",
    "comfy.sample",
    "comfy.model_management",
    "comfy_execution.graph",
    "comfy_execution.graph_utils",
    "comfy_api.latest",
    "comfy_api.v0_0_2",
)


def add_compat_path() -> None:
    """Makes the modules importable, before others of the same names."""
    path = str(COMPAT)
    if path not in sys.path:
        sys.path.insert(0, path)


def import_compat() -> None:
    """Imports the modules, so that a pack which puts its own folder first on `sys.path` cannot replace them."""
    add_compat_path()
    for name in _IMPORTED_FIRST:
        importlib.import_module(name)
