"""A mesh with the limits that it ships with, its administrator, a victim and an attacker."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.mesh.running_mesh import RunningMesh, start_mesh

MAX_STREAMS = 40


@pytest.fixture(scope="session")
def besieged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMesh]:
    """The mesh that is attacked. No limit is widened: an attack that meets one is answered with 429. That of streams is
    lower than it ships, so that it is met before that of requests."""
    running = start_mesh(
        tmp_path_factory.mktemp("besieged"), ATELIER_VIDEO_WORKERS="0", ATELIER_MAX_STREAMS_PER_CALLER=str(MAX_STREAMS)
    )
    yield running
    running.stop()


@pytest.fixture(scope="session")
def attackers_key(besieged: RunningMesh) -> str:
    """An API key of a caller who means harm."""
    return besieged.key_of("attacker")


@pytest.fixture(scope="session")
def victims_key(besieged: RunningMesh) -> str:
    """An API key of another caller."""
    return besieged.key_of("victim")


@pytest.fixture
def attacker(besieged: RunningMesh, attackers_key: str) -> Iterator[httpx2.Client]:
    """A REST client of the attacker's."""
    with besieged.client(attackers_key) as client:
        yield client


@pytest.fixture
def victim(besieged: RunningMesh, victims_key: str) -> Iterator[httpx2.Client]:
    """A REST client of the victim's."""
    with besieged.client(victims_key) as client:
        yield client


@pytest.fixture
def stranger(besieged: RunningMesh) -> Iterator[httpx2.Client]:
    """A REST client without credentials."""
    with besieged.client("") as client:
        yield client
