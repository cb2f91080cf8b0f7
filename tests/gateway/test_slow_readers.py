"""Downloads have an end, however slowly they are read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.gateway.mesh import Gateway, Upstream, run_mesh
from tests.support.wait import eventually


@asynccontextmanager
async def reader(gateway: Gateway, upstream: Upstream) -> AsyncIterator[asyncio.StreamReader]:
    """Asks for a file that has no end; reads as little as the test does."""
    stream, writer = await asyncio.open_connection("127.0.0.1", gateway.settings.port, limit=1024)
    token = upstream.signer.token("mallory")
    lines = ("GET /api/v1/images/endless/content HTTP/1.1", "host: atelier", f"authorization: Bearer {token}", "", "")
    writer.write("\r\n".join(lines).encode())
    try:
        yield stream
    finally:
        writer.close()


async def test_a_reader_that_takes_nothing_is_closed(tmp_path: Path) -> None:
    async with run_mesh(tmp_path, idle_timeout_s=1) as (gateway, upstream), reader(gateway, upstream):
        await eventually(lambda: upstream.images.readers == 1, what="the file is being sent")
        await eventually(lambda: upstream.images.readers == 0, 30, "nobody is served any more")


async def test_a_reader_that_takes_for_ever_is_closed(tmp_path: Path) -> None:
    async with run_mesh(tmp_path, download_timeout_s=1) as (gateway, upstream), reader(gateway, upstream) as stream:
        async with asyncio.timeout(30):
            while await stream.read(1 << 16):
                pass
        await eventually(lambda: upstream.images.readers == 0, 30, "nobody is served any more")


async def test_a_reader_that_leaves_is_served_no_more(tmp_path: Path) -> None:
    async with run_mesh(tmp_path) as (gateway, upstream):
        async with reader(gateway, upstream):
            await eventually(lambda: upstream.images.readers == 1, what="the file is being sent")
        await eventually(lambda: upstream.images.readers == 0, 30, "nobody is served any more")
