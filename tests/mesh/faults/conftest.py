"""A mesh of its own for the faults: two workers of each kind, short leases, models that cannot be loaded."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.mesh.clip import MODELS
from tests.mesh.faults.kinds import KINDS
from tests.mesh.running_mesh import RunningMesh, start_mesh


@pytest.fixture(scope="package")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    """The mesh that the tests of this folder break, one part at a time; each leaves it whole."""
    state_dir = tmp_path_factory.mktemp("faulty")
    broken = [
        f"  {kind.broken_model}:\n    kind: {kind.name}\n    source: path:{state_dir / 'nothing-here'}\n"
        for kind in KINDS
    ]
    (state_dir / "models.yaml").write_text(MODELS + "".join(broken))
    running = start_mesh(
        state_dir,
        ATELIER_IMAGE_WORKERS="2",
        ATELIER_VIDEO_WORKERS="2",
        ATELIER_LEASE_S="2",
        ATELIER_LEASE_HOLD_OFF_S="2",
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
