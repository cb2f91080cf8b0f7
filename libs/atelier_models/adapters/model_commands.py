"""Commands about models, on the bus."""

from atelier.models.v1 import model_worker_service_pb2
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus
from atelier_service.errors import UnavailableError
from atelier_service.telemetry import current_traceparent


class BusModelCommands:
    """ModelCommands over core NATS: workers that are not connected miss a command."""

    def __init__(self, bus: Bus, kind: str) -> None:
        self._bus = bus
        self._kind = kind

    async def send(self, model_id: str, *, load: bool) -> None:
        """See ModelCommands.send."""
        command = model_worker_service_pb2.ModelCommand(model_id=model_id, load=load)
        headers = {"traceparent": current_traceparent()}
        if not await self._bus.publish(
            subjects.model_commands(self._kind), command.SerializeToString(), headers=headers
        ):
            raise UnavailableError("BROKER_UNAVAILABLE", "the workers cannot be reached", retry_after_s=1.0)
