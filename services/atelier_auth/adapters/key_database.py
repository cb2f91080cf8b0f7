"""The key database's deadline and errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from atelier_service.sql import database_errors

# Longer than SQLite's busy timeout of 10 s, so that SQLite's error comes first.
_DEADLINE_S = 15.0


@asynccontextmanager
async def database() -> AsyncIterator[None]:
    """Around every use of the key database. Raises UnavailableError, also after 15 s."""
    with database_errors("the key store cannot be reached"):
        async with asyncio.timeout(_DEADLINE_S):
            yield
