"""Lists that may be incomplete: what was received is shown before the error about what is missing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from atelier_client.errors import UnreachableKindsError

T = TypeVar("T")


@asynccontextmanager
async def complete(items: AsyncIterator[T]) -> AsyncIterator[list[T]]:
    """Yields the items received. Raises UnreachableKindsError at the end of the context when some are missing."""
    found: list[T] = []
    missing: UnreachableKindsError | None = None
    try:
        async for item in items:
            found.append(item)  # noqa: PERF401 - those received before an error are used
    except UnreachableKindsError as error:
        missing = error
    yield found
    if missing is not None:
        raise missing
