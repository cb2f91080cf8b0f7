"""A mesh that is small and true to the contract, over real sockets."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.client.atelier_command import Atelier
from tests.unit.client.scripted_http import ScriptedHttp
from tests.unit.client.small_mesh import SmallMesh

from atelier_client.retry import RetryPolicy


@pytest.fixture
def small_mesh() -> Iterator[SmallMesh]:
    """Image, video, model, key, file and event services over real gRPC, kept in memory."""
    with SmallMesh.start() as mesh:
        yield mesh


@pytest.fixture
def http() -> Iterator[ScriptedHttp]:
    """An HTTP server that answers as a test tells it."""
    with ScriptedHttp.start() as server:
        yield server


@pytest.fixture
def hasty() -> RetryPolicy:
    """Repeats at once, so that tests need not wait."""
    return RetryPolicy(attempts=4, first_wait_s=0.01, longest_wait_s=2.0)


@pytest.fixture
def atelier(small_mesh: SmallMesh, tmp_path: Path) -> Atelier:
    """The command beside a mesh."""
    return Atelier(small_mesh, tmp_path)
