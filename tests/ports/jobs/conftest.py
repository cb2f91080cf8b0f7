"""The plane under test: real databases, and a real broker where one is needed."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from atelier_jobs.worker.grpc_claims import GrpcClaimStore
from tests.ports.jobs.plane import Plane, open_plane
from tests.ports.jobs.worker_service import worker_service
from tests.support.nats import nats_server

__all__ = ["nats_server"]

# The suite of ClaimStore: it holds for those who have the database, and for workers that call the plane.
CLAIM_STORE_SUITE = ("test_claim_order", "test_partial_results", "test_worker_side")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs the suite of ClaimStore on each of its adapters."""
    if "plane" in metafunc.fixturenames and metafunc.module.__name__.endswith(CLAIM_STORE_SUITE):
        metafunc.parametrize("plane", ["sql", "grpc"], indirect=True)


@pytest.fixture
async def plane(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Plane]:
    """Stores of one process on an empty database, without a broker; with `grpc`, claims are made as a worker does."""
    async with open_plane(database_url) as plane:
        if getattr(request, "param", "sql") == "sql":
            yield plane
            return
        async with worker_service(plane) as service:
            yield replace(plane, claims=GrpcClaimStore(service.stub, "image"))
