"""A way to PostgreSQL that a test can cut and mend."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path


class SeverableLink:
    """Passes bytes between a socket in `folder` and the real server's; `cut` is what a database restart looks like."""

    NAME = ".s.PGSQL.5432"

    def __init__(self, server_folder: str, folder: Path) -> None:
        self.url = f"postgresql+asyncpg://postgres@/auth_link?host={folder}"
        self._target = str(Path(server_folder) / self.NAME)
        self._path = str(folder / self.NAME)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def mend(self) -> None:
        """Lets connections through."""
        self._server = await asyncio.start_unix_server(self._pass, self._path)

    async def cut(self) -> None:
        """Drops every connection and takes no new one."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()
        Path(self._path).unlink(missing_ok=True)  # noqa: ASYNC240 - a socket's name

    async def _pass(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_unix_connection(self._target)
        writers = {to_client, to_server}
        self._writers |= writers
        try:
            await asyncio.gather(self._copy(client, to_server), self._copy(server, to_client))
        finally:
            self._writers -= writers
            for writer in writers:
                writer.close()

    @staticmethod
    async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                target.write(data)
                await target.drain()
        target.close()
