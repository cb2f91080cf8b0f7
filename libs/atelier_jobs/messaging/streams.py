"""The streams that jobs need, made when they are not there."""

import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from atelier_jobs.messaging.bus import Bus, BusUnavailableError
from atelier_jobs.messaging.subjects import EVENTS_STREAM, JOBS_STREAM
from atelier_service.process import heed_cancellation

DUPLICATE_WINDOW_S = 120.0


class Streams:
    """The work queue and the event log. The server must sync every write: `sync_interval: always` in its config.

    `kinds` are the kinds of jobs that this process puts on the queue, `max_messages` how many may wait on it (a
    message over the limit is refused and stays in the outbox), `events_age_s` how long clients can go back.
    """

    def __init__(
        self,
        kinds: tuple[str, ...],
        *,
        max_messages: int = 100_000,
        events_age_s: float = 86_400.0,
        replicas: int = 1,
    ) -> None:
        self.kinds = kinds
        self._configs = (
            StreamConfig(
                name=JOBS_STREAM,
                subjects=["jobs.*"],
                retention=RetentionPolicy.WORK_QUEUE,
                storage=StorageType.FILE,
                discard=DiscardPolicy.NEW,
                max_msgs=max_messages,
                duplicate_window=DUPLICATE_WINDOW_S,
                num_replicas=replicas,
            ),
            StreamConfig(
                name=EVENTS_STREAM,
                subjects=["events.>"],
                retention=RetentionPolicy.LIMITS,
                storage=StorageType.FILE,
                max_age=events_age_s,
                duplicate_window=DUPLICATE_WINDOW_S,
                num_replicas=replicas,
                allow_direct=True,
            ),
        )

    async def ensure(self, bus: Bus) -> bool:
        """Makes what is missing; True when the work queue was missing. Raises BusUnavailableError."""
        try:
            made = [await self._ensure(bus.jetstream, config) for config in self._configs]
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise BusUnavailableError(str(error) or type(error).__name__) from error
        heed_cancellation()
        return made[0]

    async def _ensure(self, jetstream: JetStreamContext, config: StreamConfig) -> bool:
        assert config.name is not None
        try:
            await jetstream.stream_info(config.name)
        except nats.js.errors.NotFoundError:
            await jetstream.add_stream(config)
            return True
        return False
