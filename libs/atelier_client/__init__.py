"""The public Python client of Atelier, sync and async, over REST or gRPC, and the `atelier` command.

    from atelier_client import Client

    with Client() as client:
        client.generate("a red circle on a blue background", seed=1).save("out.png")
        client.generate_video("a red ball moving right", seed=1).save("ball.mp4")

The names below are loaded when they are first used, so that `atelier --help` does not wait for an HTTP client.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atelier_client.all_jobs import AsyncAnyJob as AsyncAnyJob
    from atelier_client.async_client import AsyncClient as AsyncClient
    from atelier_client.client import AnyJob as AnyJob
    from atelier_client.client import Client as Client
    from atelier_client.client import Execution as Execution
    from atelier_client.client import Image as Image
    from atelier_client.client import Video as Video
    from atelier_client.errors import AtelierApiError as AtelierApiError
    from atelier_client.errors import CannotReachError as CannotReachError
    from atelier_client.errors import JobFailedError as JobFailedError
    from atelier_client.errors import UnreachableKindsError as UnreachableKindsError
    from atelier_client.execution import AsyncExecution as AsyncExecution
    from atelier_client.image import AsyncImage as AsyncImage
    from atelier_client.retry import RetryPolicy as RetryPolicy
    from atelier_client.video import AsyncVideo as AsyncVideo

_HOMES = {
    "AnyJob": "client",
    "AsyncAnyJob": "all_jobs",
    "AsyncClient": "async_client",
    "AsyncExecution": "execution",
    "AsyncImage": "image",
    "AsyncVideo": "video",
    "AtelierApiError": "errors",
    "CannotReachError": "errors",
    "Client": "client",
    "Execution": "client",
    "Image": "client",
    "JobFailedError": "errors",
    "RetryPolicy": "retry",
    "UnreachableKindsError": "errors",
    "Video": "client",
}

__all__ = [
    "AnyJob",
    "AsyncAnyJob",
    "AsyncClient",
    "AsyncExecution",
    "AsyncImage",
    "AsyncVideo",
    "AtelierApiError",
    "CannotReachError",
    "Client",
    "Execution",
    "Image",
    "JobFailedError",
    "RetryPolicy",
    "UnreachableKindsError",
    "Video",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
