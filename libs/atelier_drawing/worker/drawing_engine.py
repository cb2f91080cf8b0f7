"""The engine of a worker: opening it from settings, refreshing its models' files, and its fingerprints."""

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

# Incremented with every change of this code that changes the pixels of an equal request.
_DRAWING_VERSION = 2


@asynccontextmanager
async def open_drawing_engine(
    opens: Callable[..., Any],
    settings: DrawingWorkerSettings,
    catalogue: Catalogue,
    listener: Callable[[ModelStatus], None],
) -> AsyncIterator[RemoteEngine]:
    """Starts the engine process.

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


@cache  # called for every picture; reading the installed versions takes milliseconds
def _fingerprint(device_name: str, dtype: str, variant: str = "", more_libraries: tuple[str, ...] = ()) -> str:
    """Returns the fingerprint: engines with equal fingerprints generate equal bytes from equal weights.

    Args:
        device_name: Name of the device.
        dtype: Number format of the weights in memory.
        variant: Variant of the model's files, for models that ship several precisions.
        more_libraries: Packages that the bytes depend on, besides those of every engine.
    """
    libraries = ", ".join(f"{name} {version(name)}" for name in (*_LIBRARIES, *more_libraries))
    precision = f"{dtype} of {variant}" if variant else dtype
    return f"drawing {_DRAWING_VERSION}; {libraries}; {platform.machine()}; {device_name}; {precision}"


def fingerprints(
    engine: RemoteEngine, catalogue: Catalogue, more_libraries: tuple[str, ...] = ()
) -> Callable[[str], str]:
    """Returns a function from the id of a model to its fingerprint with this engine."""

    def fingerprint_of(model_id: str) -> str:
        card = catalogue.get(model_id)
        return _fingerprint(engine.device_name, card.dtype or engine.dtype, card.variant, more_libraries)

    return fingerprint_of


def engine_tasks(
    engine: RemoteEngine, settings: DrawingWorkerSettings, catalogue: Catalogue
) -> tuple[Coroutine[Any, Any, None], ...]:
    """Returns tasks that refresh the models' files every `report_s` seconds and, with `preload`, load a model."""
    refresh = _refresh(engine, settings.report_s)
    return (refresh, _preload(engine, catalogue.default.id)) if settings.preload else (refresh,)


async def _refresh(engine: RemoteEngine, every_s: float) -> None:
    """Detects files of models that were replaced, so that the content cache is not used for the old ones."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await engine.refresh()
        except EngineError as error:
            _log.info("the files of the models were not read", reason=error.reason)


async def _preload(engine: RemoteEngine, model_id: str) -> None:
    """Loads the default model; jobs wait for the device meanwhile. The engine's listener gets a failure."""
    try:
        await engine.warm_up(model_id)
    except EngineError as error:
        _log.warning("the default model was not loaded", model=model_id, reason=error.reason, error=error.message)
    except RuntimeError:
        _log.exception("the default model was not loaded", model=model_id)
