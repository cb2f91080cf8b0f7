"""The command listener: loads and unloads models on this worker."""

import asyncio
from collections.abc import AsyncIterator

import structlog

from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.remote.remote_engine import RemoteEngine
from atelier_models.worker.grpc_reports import Command
from atelier_service.telemetry import context_from_traceparent, tracer

_log = structlog.get_logger(__name__)

_MAX_AT_ONCE = 8


class ModelCommandListener:
    """Executes commands about models. The engine's listener gets the results."""

    def __init__(self, engine: RemoteEngine, commands: AsyncIterator[Command]) -> None:
        """Creates the listener; `commands` is an endless iterator, see `model_commands`."""
        self._engine = engine
        self._commands = commands
        self._places = asyncio.Semaphore(_MAX_AT_ONCE)

    async def run(self) -> None:
        """Listens until it is cancelled. Commands are executed concurrently, since a load may take minutes."""
        async with asyncio.TaskGroup() as group:
            async for command in self._commands:
                await self._places.acquire()
                group.create_task(self._execute(command)).add_done_callback(lambda _: self._places.release())

    async def _execute(self, command: Command) -> None:
        parent = context_from_traceparent(command.traceparent)
        name = "model.load" if command.load else "model.unload"
        with tracer().start_as_current_span(name, context=parent, attributes={"model.id": command.model_id}):
            act = self._engine.load if command.load else self._engine.unload
            try:
                await act(command.model_id)
            except EngineError as error:
                _log.warning("a model was not loaded", model=command.model_id, reason=error.reason, error=error.message)
            except RuntimeError:
                _log.exception("a model was not loaded", model=command.model_id)
