"""Lists that may be incomplete: what is there is shown, then the error says what is missing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from atelier_client.errors import UnreachableKindsError

T = TypeVar("T")


@asynccontextmanager
async def complete(items: AsyncIterator[T]) -> AsyncIterator[list[T]]:
    """All of `items` that came. Raises UnreachableKindsError at the end of the context when some are missing."""
    found: list[T] = []
    missing: UnreachableKindsError | None = None
    try:
        async for item in items:
            found.append(item)  # noqa: PERF401 - those that came before an error count
    except UnreachableKindsError as error:
        missing = error
    yield found
    if missing is not None:
        raise missing
