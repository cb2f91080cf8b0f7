"""Paging: lists that span several pages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Protocol, TypeVar


class Page(Protocol):
    """An answer that names the next one."""

    next_page_token: str


P = TypeVar("P", bound=Page)
T = TypeVar("T")


async def pages(
    fetch: Callable[[str], Awaitable[P]], items: Callable[[P], Iterable[T]], limit: int | None = None
) -> AsyncIterator[T]:
    """Every item of every page, at most `limit`; a page is fetched when its first item is asked for."""
    token, given = "", 0
    while limit is None or given < limit:
        page = await fetch(token)
        for item in items(page):
            if limit is not None and given >= limit:
                return
            given += 1
            yield item
        token = page.next_page_token
        if not token:
            return


def page_size(limit: int | None) -> int:
    """The page size that fetches no more than `limit` items: 0 (the server's own) for no limit."""
    return 0 if limit is None else max(1, min(limit, 100))
