"""Shell completion of ids: the caller's jobs, models and keys, read from the mesh."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import typer

from atelier_client.command import Options
from atelier_client.errors import AtelierApiError
from atelier_client.table import clean

if TYPE_CHECKING:
    from atelier_client.async_client import AsyncClient

_PATIENCE_S = 3.0
_LATEST = 20

Item = tuple[str, str]
"""An id, and a description for shells that show one."""


def jobs(ctx: typer.Context, incomplete: str) -> list[Item]:
    """The latest jobs."""
    return _items(ctx, incomplete, _jobs)


def videos(ctx: typer.Context, incomplete: str) -> list[Item]:
    """The latest videos."""
    return _items(ctx, incomplete, _videos)


def image_models(ctx: typer.Context, incomplete: str) -> list[Item]:
    """The models that draw pictures."""
    return _items(ctx, incomplete, _image_models)


def video_models(ctx: typer.Context, incomplete: str) -> list[Item]:
    """The models that draw clips."""
    return _items(ctx, incomplete, _video_models)


def models(ctx: typer.Context, incomplete: str) -> list[Item]:
    """All models."""
    return _items(ctx, incomplete, _models)


def keys(ctx: typer.Context, incomplete: str) -> list[Item]:
    """Your API keys."""
    return _items(ctx, incomplete, _keys)


async def _jobs(client: "AsyncClient") -> AsyncIterator[Item]:
    async for job in client.jobs.list(limit=_LATEST):
        yield job.id, f"{job.kind_name} {job.state}"


async def _videos(client: "AsyncClient") -> AsyncIterator[Item]:
    async for video in client.videos.list(limit=_LATEST):
        yield video.id, video.parameters.prompt


async def _image_models(client: "AsyncClient") -> AsyncIterator[Item]:
    async for model in client.models(kind="image"):
        yield model.id, model.display_name


async def _video_models(client: "AsyncClient") -> AsyncIterator[Item]:
    async for model in client.models(kind="video"):
        yield model.id, model.display_name


async def _models(client: "AsyncClient") -> AsyncIterator[Item]:
    async for model in client.models():
        yield model.id, model.display_name


async def _keys(client: "AsyncClient") -> AsyncIterator[Item]:
    async for key in client.keys.list():
        yield key.id, key.display_name


def _items(ctx: typer.Context, incomplete: str, listed: "Callable[[AsyncClient], AsyncIterator[Item]]") -> list[Item]:
    """Returns the items whose ids begin with `incomplete`.

    When the mesh is unavailable, only those received before: a completion cannot show an error, and the command itself
    will report it.
    """
    found: list[Item] = []

    async def ask() -> None:
        async with asyncio.timeout(_PATIENCE_S), _options(ctx).open() as client:
            async for item_id, text in listed(client):
                if item_id.startswith(incomplete):
                    found.append((item_id, clean(text)[:60]))

    try:
        asyncio.run(ask())
    except (AtelierApiError, TimeoutError, OSError, ValueError):
        return found
    return found


def _options(ctx: typer.Context) -> Options:
    """Returns the connection options that the command line contains so far."""
    own, outer = ctx.params, ctx.find_root().params

    def option(name: str) -> Any:
        return own.get(name) or outer.get(name)

    return Options(option("url") or "", bool(option("grpc")))
