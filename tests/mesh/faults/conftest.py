"""A mesh of its own for the faults: two workers, short leases, one model that cannot be loaded."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.mesh.running_mesh import RunningMesh, start_mesh

BROKEN_MODEL = "broken"


@pytest.fixture(scope="package")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    """The mesh that the tests of this folder break, one part at a time; each leaves it whole."""
    state_dir = tmp_path_factory.mktemp("faulty")
    (state_dir / "models.yaml").write_text(
        f"models:\n  {BROKEN_MODEL}:\n    source: path:{state_dir / 'nothing-here'}\n"
    )
    running = start_mesh(
        state_dir,
        ATELIER_IMAGE_WORKERS="2",
        ATELIER_VIDEO_WORKERS="0",
        ATELIER_LEASE_S="2",
        ATELIER_TORCH_THREADS="1",
        ATELIER_REQUESTS_PER_S="1000",
        ATELIER_REQUEST_BURST="2000",
    )
    yield running
    running.stop()


@pytest.fixture
def client(faulty: RunningMesh) -> Iterator[httpx2.Client]:
    """A REST client with the administrator's key."""
    with faulty.client() as client:
        yield client
