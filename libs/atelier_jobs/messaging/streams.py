"""The event stream of JetStream, created when it is missing."""

import nats.errors
import nats.js.errors
from nats.js.api import RetentionPolicy, StorageType, StreamConfig

from atelier_jobs.messaging.bus import Bus, BusUnavailableError
from atelier_jobs.messaging.subjects import EVENTS_STREAM
from atelier_service.process import heed_cancellation

DUPLICATE_WINDOW_S = 120.0

_FORMER_QUEUE = "JOBS"  # the work queue of releases before 0.2, which would store wake-ups


class Streams:
    """The event stream. The server must sync every write: `sync_interval: always` in its config.

    `events_age_s`: seconds for which events are stored, and clients can resume. `replicas`: servers that store them.
    """

    def __init__(self, *, events_age_s: float = 86_400.0, replicas: int = 1) -> None:
        self._events = StreamConfig(
            name=EVENTS_STREAM,
            subjects=["events.>"],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            max_age=events_age_s,
            duplicate_window=DUPLICATE_WINDOW_S,
            num_replicas=replicas,
            allow_direct=True,
        )

    async def ensure(self, bus: Bus) -> None:
        """Creates the stream if it is missing. Raises BusUnavailableError."""
        try:
            await self._ensure(bus)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise BusUnavailableError(str(error) or type(error).__name__) from error
        heed_cancellation()

    async def _ensure(self, bus: Bus) -> None:
        jetstream = bus.jetstream
        try:
            await jetstream.stream_info(EVENTS_STREAM)
        except nats.js.errors.NotFoundError:
            await jetstream.add_stream(self._events)
        try:
            await jetstream.stream_info(_FORMER_QUEUE)
        except nats.js.errors.NotFoundError:
            return
        await jetstream.delete_stream(_FORMER_QUEUE)
