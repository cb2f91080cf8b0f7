"""One mesh for all tests of this folder; those that break something start their own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway.mesh import Gateway, Upstream, run_mesh


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Gateway, Upstream]]:
    """Envoy before the services, generous to every caller."""
    folder = tmp_path_factory.mktemp("gateway")
    async with run_mesh(folder, requests_per_s=10_000, request_burst=10_000) as running:
        yield running


@pytest.fixture
def gateway(mesh: tuple[Gateway, Upstream]) -> Gateway:
    """The running Envoy."""
    return mesh[0]


@pytest.fixture
def upstream(mesh: tuple[Gateway, Upstream]) -> Upstream:
    """The services behind it."""
    return mesh[1]


@pytest.fixture
def ada(upstream: Upstream) -> dict[str, str]:
    """Headers of a caller with a token."""
    return {"authorization": f"Bearer {upstream.signer.token('ada')}"}
