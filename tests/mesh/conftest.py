"""One mesh for all tests that leave it standing."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.mesh.clip import MODELS
from tests.mesh.running_mesh import RunningMesh, start_mesh
from tests.mesh.trace_receiver import TraceReceiver, receiving


@pytest.fixture(scope="session")
def traces() -> Iterator[TraceReceiver]:
    """Where the mesh sends its spans."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory, traces: TraceReceiver) -> Iterator[RunningMesh]:
    """A mesh that lives as long as the test session, with limits wide enough for a test suite."""
    state_dir = tmp_path_factory.mktemp("mesh")
    (state_dir / "models.yaml").write_text(MODELS)
    running = start_mesh(
        state_dir,
        ATELIER_OTLP_ENDPOINT=traces.address,
        ATELIER_REQUESTS_PER_S="500",
        ATELIER_REQUEST_BURST="1000",
        ATELIER_CORS_ORIGINS="https://app.example",
    )
    yield running
    running.stop()


@pytest.fixture
def client(mesh: RunningMesh) -> Iterator[httpx2.Client]:
    """A REST client with the administrator's key."""
    with mesh.client() as client:
        yield client
