"""The video service with and without a worker. The tests of one file share one: a worker takes seconds to start."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.service.video.video_mesh import VideoMesh, video_mesh
from tests.support.nats import NatsServer, running_nats
from tests.support.s3 import S3Server


@pytest.fixture(autouse=True)
def _traced(all_spans: InMemorySpanExporter) -> None:
    """Spans are made, also where no test looks at them."""


@pytest.fixture(scope="module")
def lasting_nats() -> Iterator[NatsServer]:
    """One broker for the tests of a file."""
    with running_nats() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def idle_mesh(
    s3_server: S3Server, lasting_nats: NatsServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[VideoMesh]:
    """No worker: every job waits. Its callers are newcomers."""
    folder = tmp_path_factory.mktemp("video")
    async with video_mesh(s3_server, lasting_nats, folder, api_settings={"max_live_per_owner": 4}) as mesh:
        yield mesh


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(idle_mesh: VideoMesh) -> VideoMesh:
    """With a worker that holds the model."""
    await idle_mesh.worker.start()
    return idle_mesh
