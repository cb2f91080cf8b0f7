"""Folders of an execution."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from atelier_nodes.packs.folders import NodeFolders, execution_folders


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[NodeFolders]:
    own = NodeFolders.under(tmp_path)
    for folder in (own.input, own.output, own.temp):
        folder.mkdir()
    with execution_folders(own):
        yield own
