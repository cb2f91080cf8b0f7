"""Listener for commands about models: loads and unloads them on this worker."""

import asyncio

import structlog
from google.protobuf.message import DecodeError

from atelier.jobs.v1 import job_pb2
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.remote.remote_engine import RemoteEngine
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus, Message
from atelier_service.telemetry import context_from_traceparent, tracer

_log = structlog.get_logger(__name__)

_MAX_AT_ONCE = 8


class ModelCommandListener:
    """Listens for ModelCommand messages. The engine's listener gets what becomes of them."""

    def __init__(self, engine: RemoteEngine, bus: Bus, kind: str) -> None:
        self._engine = engine
        self._bus = bus
        self._kind = kind
        self._places = asyncio.Semaphore(_MAX_AT_ONCE)

    async def run(self) -> None:
        """Listens until it is cancelled. Several commands are followed at once: a load takes its time."""
        async with self._bus.subscribe(subjects.model_commands(self._kind)) as commands, asyncio.TaskGroup() as group:
            async for message in commands:
                await self._places.acquire()
                group.create_task(self._follow(message)).add_done_callback(lambda _: self._places.release())

    async def _follow(self, message: Message) -> None:
        try:
            command = job_pb2.ModelCommand.FromString(message.data)
        except DecodeError:
            _log.warning("a command that cannot be read", subject=message.subject)
            return
        parent = context_from_traceparent(message.headers.get("traceparent", ""))
        name = "model.load" if command.load else "model.unload"
        with tracer().start_as_current_span(name, context=parent, attributes={"model.id": command.model_id}):
            act = self._engine.load if command.load else self._engine.unload
            try:
                await act(command.model_id)
            except EngineError as error:
                _log.warning("a model was not loaded", model=command.model_id, reason=error.reason, error=error.message)
            except RuntimeError:
                _log.exception("a model was not loaded", model=command.model_id)
