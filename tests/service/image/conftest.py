"""The image service with and without a worker."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.service.image.image_mesh import ImageMesh, image_mesh
from tests.support.nats import NatsServer
from tests.support.s3 import S3Server


@pytest.fixture(autouse=True)
def _traced(all_spans: InMemorySpanExporter) -> None:
    """Spans are made, also where no test looks at them."""


@pytest.fixture
async def idle_mesh(s3_server: S3Server, nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[ImageMesh]:
    """No worker: every job waits."""
    async with image_mesh(s3_server, nats_server, tmp_path, api_settings={"max_live_per_owner": 3}) as mesh:
        yield mesh


@pytest.fixture
async def mesh(idle_mesh: ImageMesh) -> ImageMesh:
    """With a worker."""
    await idle_mesh.worker.start()
    return idle_mesh
