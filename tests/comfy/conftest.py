"""A server in the test's process, over the engine pool."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from atelier_comfy.absent_mesh import AbsentMesh
from atelier_comfy.client_socket import ClientSockets
from atelier_comfy.options import read_options
from atelier_comfy.server import serving
from tests.comfy.comfy_client import ComfyClient, comfy_client
from tests.comfy.engine_pool import EnginePool
from tests.comfy.packs.trivial_nodes import NODE_CLASS_MAPPINGS

StartServer = Callable[..., AbstractAsyncContextManager[str]]


@pytest.fixture
def pool(tmp_path: Path) -> EnginePool:
    """Runs the trivial nodes; a pack has a script for the browser."""
    web = tmp_path / "web"
    (web / "sub").mkdir(parents=True)
    (web / "sub" / "cat.js").write_text("export const cat = 1;")
    return EnginePool(NODE_CLASS_MAPPINGS, {"cat-pack": str(web)})


@pytest.fixture
def start_server(tmp_path: Path, pool: EnginePool) -> StartServer:
    """Starts a server in `tmp_path`, with flags; yields its URL."""

    @asynccontextmanager
    async def start(*flags: str) -> AsyncIterator[str]:
        options = read_options(["--port", "0", "--base-directory", str(tmp_path), *flags], {})
        async with serving(options, pool, AbsentMesh(), ClientSockets(), None) as urls:
            yield urls[0]

    return start


@pytest_asyncio.fixture
async def url(start_server: StartServer) -> AsyncIterator[str]:
    """Of a server that runs one prompt at a time."""
    async with start_server("--hosts", "1") as served:
        yield served


@pytest_asyncio.fixture
async def client(url: str) -> AsyncIterator[ComfyClient]:
    """A client of that server."""
    async with comfy_client(url) as connected:
        yield connected
