"""The engine of a worker: opened from its settings, kept up to date with its models' files, and its fingerprint."""

import asyncio
import platform
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from importlib.metadata import version
from typing import Any

import structlog

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.model_store import ModelStatus
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.remote.remote_engine import RemoteEngine
from atelier_drawing.settings import DrawingWorkerSettings
from atelier_service.configuration import ConfigurationError

_log = structlog.get_logger(__name__)

_LIBRARIES = ("torch", "diffusers", "transformers", "pillow")

# Counts up with every change of our own code that makes other pixels of the same request.
_DRAWING_VERSION = 2


@asynccontextmanager
async def open_drawing_engine(
    opens: Callable[..., Any],
    settings: DrawingWorkerSettings,
    catalogue: Catalogue,
    listener: Callable[[ModelStatus], None],
) -> AsyncIterator[RemoteEngine]:
    """Starts the process that draws.

    Args:
        opens: Opens the engine in that process.
        settings: Device, number format, memory and folders.
        catalogue: The models.
        listener: Called in the event loop with each change of a model's state.

    Raises:
        ConfigurationError: The device does not exist.
    """
    async with AsyncExitStack() as stack:
        opened = RemoteEngine.open(
            opens,
            listener=listener,
            catalogue=catalogue,
            device=settings.device,
            dtype=settings.dtype or None,
            threads=settings.torch_threads,
            memory_budget_bytes=settings.memory_budget_bytes,
            cache_folder=settings.cache_folder,
            hf_endpoint=settings.hf_endpoint,
            model_index=settings.model_index,
        )
        try:
            engine = await stack.enter_async_context(opened)
        except EngineError as error:
            raise ConfigurationError(f"ATELIER_DEVICE={settings.device}: {error.message}") from error
        yield engine


@cache  # asked for every picture; reading what is installed takes milliseconds
def _fingerprint(device_name: str, dtype: str, variant: str = "", more_libraries: tuple[str, ...] = ()) -> str:
    """Names what draws: two engines with one fingerprint make the same bytes of the same weights.

    Args:
        device_name: The device, as it calls itself.
        dtype: Number format of the weights in memory.
        variant: Which of a model's files were read, where it ships several precisions.
        more_libraries: Packages that change the bytes, besides those of every engine.
    """
    libraries = ", ".join(f"{name} {version(name)}" for name in (*_LIBRARIES, *more_libraries))
    precision = f"{dtype} of {variant}" if variant else dtype
    return f"drawing {_DRAWING_VERSION}; {libraries}; {platform.machine()}; {device_name}; {precision}"


def fingerprints(
    engine: RemoteEngine, catalogue: Catalogue, more_libraries: tuple[str, ...] = ()
) -> Callable[[str], str]:
    """Returns a function from the id of a model to the fingerprint of what draws it with this engine."""

    def fingerprint_of(model_id: str) -> str:
        card = catalogue.get(model_id)
        return _fingerprint(engine.device_name, card.dtype or engine.dtype, card.variant, more_libraries)

    return fingerprint_of


def engine_tasks(
    engine: RemoteEngine, settings: DrawingWorkerSettings, catalogue: Catalogue
) -> tuple[Coroutine[Any, Any, None], ...]:
    """Looks at the models' files every `report_s` seconds, and loads the default model when `preload` is set."""
    refresh = _refresh(engine, settings.report_s)
    return (refresh, _preload(engine, catalogue.default.id)) if settings.preload else (refresh,)


async def _refresh(engine: RemoteEngine, every_s: float) -> None:
    """Notices files of models that were replaced, so that no request is answered with pictures of the old ones."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await engine.refresh()
        except EngineError as error:
            _log.info("the files of the models were not read", reason=error.reason)


async def _preload(engine: RemoteEngine, model_id: str) -> None:
    """Jobs that come meanwhile wait for their turn on the device; the engine's listener gets the failure."""
    try:
        await engine.warm_up(model_id)
    except EngineError as error:
        _log.warning("the default model was not loaded", model=model_id, reason=error.reason, error=error.message)
    except RuntimeError:
        _log.exception("the default model was not loaded", model=model_id)
