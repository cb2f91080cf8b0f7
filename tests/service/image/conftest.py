"""The image service with and without a worker."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from atelier_jobs.testing.nats import NatsServer, nats_server
from atelier_service.testing.s3 import S3Server
from tests.service.image.image_mesh import ImageMesh, image_mesh

__all__ = ["nats_server"]

_EXPORTER = InMemorySpanExporter()


@pytest.fixture(scope="session", autouse=True)
def _tracing() -> None:
    """A process has one tracer provider, set once: the one of the test session, which collects here too."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(_EXPORTER))


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """The spans that end from now on, of all parts of the mesh."""
    _EXPORTER.clear()
    yield _EXPORTER
    _EXPORTER.clear()


@pytest.fixture
async def idle_mesh(s3_server: S3Server, nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[ImageMesh]:
    """No worker: every job waits."""
    async with image_mesh(s3_server, nats_server, tmp_path, image_settings={"max_live_per_owner": 3}) as mesh:
        yield mesh


@pytest.fixture
async def mesh(idle_mesh: ImageMesh) -> ImageMesh:
    """With a worker."""
    await idle_mesh.worker.start()
    return idle_mesh
