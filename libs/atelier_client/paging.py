"""Paging: lists that span several pages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Protocol, TypeVar


class Page(Protocol):
    """A response that names the next page."""

    next_page_token: str


P = TypeVar("P", bound=Page)
T = TypeVar("T")


async def pages(
    fetch: Callable[[str], Awaitable[P]], items: Callable[[P], Iterable[T]], limit: int | None = None
) -> AsyncIterator[T]:
    """Yields the items of all pages, at most `limit`. A page is fetched when its first item is needed.

    Args:
        fetch: Returns the page of a page token; empty for the first page.
        items: Returns the items of a page.
        limit: The largest number of items; None: all.
    """
    token, count = "", 0
    while limit is None or count < limit:
        page = await fetch(token)
        for item in items(page):
            if limit is not None and count >= limit:
                return
            count += 1
            yield item
        token = page.next_page_token
        if not token:
            return


def page_size(limit: int | None) -> int:
    """Returns the page size for at most `limit` items; 0, the server's default, for no limit."""
    return 0 if limit is None else max(1, min(limit, 100))
