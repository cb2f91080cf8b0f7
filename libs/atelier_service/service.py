"""The whole life of a service's process, from its settings to its last span."""

import asyncio
import gc
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from atelier_service.process import run
from atelier_service.settings import ServiceSettings
from atelier_service.telemetry import start_telemetry


def run_service(
    settings: ServiceSettings, service: str, serve: Callable[[], AbstractAsyncContextManager[object]]
) -> None:
    """Serves until SIGTERM or SIGINT; what traces are left goes out at the end, also when it ends badly.

    `serve` is called in the event loop: channels that it opens belong to that loop.
    """

    async def _serve(stopping: asyncio.Event) -> None:
        async with serve():
            gc.collect()
            gc.freeze()  # what is there now stays: the collector need not look at it again and again
            await stopping.wait()

    telemetry = start_telemetry(settings, service)
    try:
        run(_serve)
    finally:
        telemetry.shutdown()
