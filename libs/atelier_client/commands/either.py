"""Ids and models of which nobody said whether they belong to images or to videos."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from atelier_client.errors import AtelierApiError

A = TypeVar("A")
B = TypeVar("B")


async def either(images: Callable[[str], Awaitable[A]], videos: Callable[[str], Awaitable[B]], wanted_id: str) -> A | B:
    """What `images` answers to `wanted_id`, or `videos` when images know no such thing. Raises NOT_FOUND after both.

    Ids are UUIDv7 and tell no kind, so the more frequent one is asked first.
    """
    try:
        return await images(wanted_id)
    except AtelierApiError as error:
        if error.code != "NOT_FOUND":
            raise
        unknown = error
    try:
        return await videos(wanted_id)
    except AtelierApiError as error:
        if error.code != "NOT_FOUND":
            raise
        said = "; ".join(dict.fromkeys((unknown.message, error.message)))
        reason = error.reason if error.reason == unknown.reason else "NOT_FOUND"
        raise AtelierApiError(error.code, reason, said, trace_id=error.trace_id) from error
