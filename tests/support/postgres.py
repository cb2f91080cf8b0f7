"""A real PostgreSQL without root or Docker (the `pgserver` wheel), for port suites.

Import the fixtures into a conftest: `from tests.support.postgres import database_url, postgres_server`.
"""

import asyncio
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

_names = itertools.count()


@contextmanager
def running_postgres(*, syncs: bool) -> Iterator[str]:
    """The socket folder of a server with an empty database; `syncs`: whether commits wait for the disk."""
    import pgserver.postgres_server

    # Below /tmp by name: a socket's path may have 107 bytes, and pytest's folders are longer.
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp", ignore_cleanup_errors=True) as folder:
        server = pgserver.postgres_server.get_server(Path(folder), cleanup_mode="stop")
        if not syncs:
            server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        yield server.get_postmaster_info().socket_dir.as_posix()
        server.cleanup()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The socket folder of a server that lives as long as the test session."""
    # Nothing here has to survive a power cut; synced, the checkpoint at the end alone took 40 s.
    with running_postgres(syncs=False) as socket_dir:
        yield socket_dir


async def create_schema(socket_dir: str, name: str) -> str:
    """A role and a schema of its name, which is where that role's tables go: PostgreSQL looks at "$user" first.

    Returns its URL. A database each would do too, but is a thousand files to copy and to remove.
    """
    connection = await asyncpg.connect(host=socket_dir, user="postgres", database="postgres")
    try:
        await connection.execute(f"CREATE ROLE {name} LOGIN; CREATE SCHEMA AUTHORIZATION {name}")
    finally:
        await connection.close()
    return f"postgresql+asyncpg://{name}@/postgres?host={socket_dir}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, on SQLite and on PostgreSQL: a test that takes it runs twice."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    socket_dir: str = request.getfixturevalue("postgres_server")
    return asyncio.run(create_schema(socket_dir, f"test_{next(_names)}"))
