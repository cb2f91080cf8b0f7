"""Looking into a database."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, text

from atelier_service.database import create_engine

T = TypeVar("T")


async def on(url: str, look: Callable[[Connection], T]) -> T:
    """What `look(connection)` returns, at the database."""
    engine = create_engine(url)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(look)
    finally:
        await engine.dispose()


def rows(query: str) -> Callable[[Connection], list[Any]]:
    """A look at the rows of a query."""
    return lambda connection: [tuple(row) for row in connection.execute(text(query))]
