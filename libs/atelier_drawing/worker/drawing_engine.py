"""The engine of a worker: opened from its settings, kept up to date with the files of its models."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.model_store import ModelStatus
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.remote.remote_engine import RemoteEngine
from atelier_drawing.settings import DrawingWorkerSettings
from atelier_service.configuration import ConfigurationError

_log = structlog.get_logger(__name__)


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
