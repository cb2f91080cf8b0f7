"""A database that is away, said by its name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from atelier_service.errors import UnavailableError

logger = structlog.get_logger(__name__)

# Longer than SQLite's busy timeout of 10 s, so that SQLite answers first.
_DEADLINE_S = 15.0


@asynccontextmanager
async def database() -> AsyncIterator[None]:
    """Around every use of the database: its absence becomes UnavailableError, our own mistakes stay what they are.

    The log gets the driver's words and the caller none of them; neither gets the statement's parameters.
    """
    try:
        async with asyncio.timeout(_DEADLINE_S):
            yield
    except (IntegrityError, ProgrammingError, DataError):
        raise
    except DBAPIError as error:
        logger.warning("database failed", error=type(error.orig).__name__, detail=str(error.orig))
        raise _unavailable() from error
    except (PoolTimeoutError, OSError) as error:  # OSError: connection refused; asyncio's TimeoutError is one too
        logger.warning("database out of reach", error=type(error).__name__, detail=str(error))
        raise _unavailable() from error


def _unavailable() -> UnavailableError:
    return UnavailableError("DATABASE_UNAVAILABLE", "the key store cannot be reached", retry_after_s=1.0)
