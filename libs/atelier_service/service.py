"""The process of a service: reads the settings, serves until a signal, and flushes the spans."""

import asyncio
import gc
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import NoReturn, TypeVar

from atelier_service.configuration import EXIT_STATUS, ConfigurationError, configuration_error, read
from atelier_service.process import run
from atelier_service.settings import ServiceSettings
from atelier_service.tasks import first_of
from atelier_service.telemetry import start_telemetry

S = TypeVar("S", bound=ServiceSettings)


def read_settings(settings: type[S], service: str) -> S:
    """Returns the settings of this process. An invalid one ends it with `EXIT_STATUS` and a line on standard error."""
    try:
        found = read(settings)
        found.check()
    except ConfigurationError as error:
        _refuse(service, error)
    return found


def run_service(
    settings: ServiceSettings, service: str, serve: Callable[[], AbstractAsyncContextManager[object]]
) -> None:
    """Serves until SIGTERM or SIGINT. Spans are flushed at the end, also after an error.

    Args:
        settings: The settings of the process.
        service: The name of the service in logs, spans and error messages.
        serve: Called in the event loop, to which channels that it opens belong. It serves while its context is open. A
            ConfigurationError that it raises ends the process as an invalid setting does.
    """

    async def _serve(stopping: asyncio.Event) -> None:
        up = asyncio.Event()

        async def work() -> None:
            async with serve():
                up.set()
                gc.collect()
                gc.freeze()  # objects that exist now live as long as the process: they need not be scanned again
                await stopping.wait()

        async with first_of(work(), stopping.wait()) as (working, _):
            # A start in progress is cancelled: it may take long, since torch is loaded in it.
            if up.is_set():
                await asyncio.wait({working})
        if not working.cancelled():
            working.result()

    telemetry = start_telemetry(settings, service)
    try:
        run(_serve)
    except Exception as error:
        wrong = configuration_error(error)
        if wrong is None:
            raise
        _refuse(service, wrong)
    finally:
        telemetry.shutdown()


def _refuse(service: str, error: ConfigurationError) -> NoReturn:
    sys.stderr.write(f"{service}: {error}\n")
    sys.stderr.flush()
    sys.exit(EXIT_STATUS)
