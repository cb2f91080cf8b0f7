"""Loads and drops models when the API process says so."""

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
    """Listens for ModelCommand messages. What becomes of them is told by the engine's listener."""

    def __init__(self, engine: RemoteEngine, bus: Bus, kind: str) -> None:
        self._engine = engine
        self._bus = bus
        self._kind = kind
        self._places = asyncio.Semaphore(_MAX_AT_ONCE)

    async def run(self) -> None:
        """Until it is cancelled. A load takes its time; what is said meanwhile is heard."""
        async with self._bus.subscribe(subjects.model_commands(self._kind)) as orders, asyncio.TaskGroup() as group:
            async for message in orders:
                await self._places.acquire()
                group.create_task(self._follow(message)).add_done_callback(lambda _: self._places.release())

    async def _follow(self, message: Message) -> None:
        try:
            command = job_pb2.ModelCommand.FromString(message.data)
        except DecodeError:
            _log.warning("an order that is none", subject=message.subject)
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
