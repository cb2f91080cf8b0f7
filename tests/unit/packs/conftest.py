"""What a test loads into this process is taken out again."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atelier_nodes.packs import registry
from atelier_nodes.packs.compat_path import add_compat_path
from atelier_nodes.packs.folders import NodeFolders, use_folders
from tests.unit.packs.pack_folder import PackFolder

# Test modules import folder_paths and its kin at their top, before any fixture runs.
add_compat_path()


@pytest.fixture(autouse=True)
def process(tmp_path: Path) -> Iterator[None]:
    """The state of this process as a new host has it."""
    tables: list[dict[str, Any]] = [registry.NODE_CLASSES, registry.DISPLAY_NAMES, registry.WEB_DIRECTORIES]
    before = [dict(table) for table in tables]
    modules, path = set(sys.modules), list(sys.path)
    folders = NodeFolders.under(tmp_path / "base")
    for folder in (folders.input, folders.output, folders.temp):
        folder.mkdir(parents=True)
    use_folders(folders)
    yield
    for table, content in zip(tables, before, strict=True):
        table.clear()
        table.update(content)
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        # Packs are imported under their paths; what they import from elsewhere may stay.
        if name.startswith("/"):
            del sys.modules[name]


@pytest.fixture
def packs(tmp_path: Path) -> PackFolder:
    return PackFolder(tmp_path / "custom_nodes")
