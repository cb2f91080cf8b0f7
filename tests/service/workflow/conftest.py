"""The workflow service without a worker; the nodes of one are reported."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from atelier_service.identity import JwksSource
from tests.service.workflow.workflow_mesh import Caller, WorkflowMesh, report_nodes, workflow_mesh
from tests.support.nats import NatsServer
from tests.support.s3 import S3Server


def _no_worker(_common: dict[str, Any], _jwks: JwksSource) -> AbstractAsyncContextManager[Any]:
    raise AssertionError("this mesh has no worker")


@pytest.fixture
async def bare_mesh(s3_server: S3Server, nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkflowMesh]:
    """No worker has reported its nodes."""
    async with workflow_mesh(s3_server, nats_server, tmp_path, worker=_no_worker) as mesh:
        yield mesh


@pytest.fixture
async def mesh(bare_mesh: WorkflowMesh) -> WorkflowMesh:
    """A worker has reported its nodes; executions wait."""
    await report_nodes(bare_mesh)
    return bare_mesh


@pytest.fixture
async def ada(mesh: WorkflowMesh) -> Caller:
    """A caller."""
    caller: Caller = await mesh.owner("ada")
    return caller
