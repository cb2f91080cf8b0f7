"""The work queue as a worker sees it."""

import asyncio
from typing import Protocol

import nats.errors
import nats.js.errors
import structlog
from google.protobuf.message import DecodeError
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

from atelier.jobs.v1 import job_pb2
from atelier_jobs.messaging import subjects
from atelier_jobs.messaging.bus import Bus
from atelier_service.process import heed_cancellation

logger = structlog.get_logger()

_PULL_S = 30.0
_MAX_BACKOFF_S = 2.0


class Dispatch(Protocol):
    """A message that names a job. It is held until one of `ack`, `nak` and `term`, or until `ack_wait` has passed."""

    @property
    def job_id(self) -> str:
        """The job."""
        ...

    @property
    def generation(self) -> int:
        """The dispatch generation."""
        ...

    @property
    def traceparent(self) -> str:
        """Of the span that published it."""
        ...

    async def in_progress(self) -> None:
        """Starts `ack_wait` anew."""
        ...

    async def ack(self) -> None:
        """Done: the message is removed."""
        ...

    async def nak(self, delay_s: float) -> None:
        """Not now: comes again after `delay_s`."""
        ...


class DispatchQueue(Protocol):
    """Where a worker takes messages from."""

    async def next(self) -> Dispatch:
        """The next message, however long that takes."""
        ...

    async def close(self) -> None:
        """Takes no more; `next` must not be waited for any longer."""
        ...


class JetStreamDispatch:
    """A Dispatch. What the broker does not hear while it is away is no loss: SQL knows better than it."""

    def __init__(self, message: Msg, content: job_pb2.Dispatch) -> None:
        self._message = message
        self._content = content

    @property
    def job_id(self) -> str:
        """The job."""
        return self._content.job_id

    @property
    def generation(self) -> int:
        """The dispatch generation."""
        return self._content.generation

    @property
    def traceparent(self) -> str:
        """Of the span that published it."""
        return self._content.traceparent

    async def in_progress(self) -> None:
        """See Dispatch.in_progress."""
        await self._answer(b"+WPI")

    async def ack(self) -> None:
        """See Dispatch.ack."""
        await self._answer(b"+ACK")

    async def nak(self, delay_s: float) -> None:
        """See Dispatch.nak."""
        await self._answer(b'-NAK {"delay": %d}' % int(delay_s * 1e9))

    async def _answer(self, payload: bytes) -> None:
        try:
            await self._message.respond(payload)
        except (nats.errors.Error, OSError) as error:
            logger.info("broker did not hear an answer", job_id=self.job_id, error=str(error))


class JetStreamQueue:
    """A DispatchQueue: one durable pull consumer per kind, shared by all workers of that kind.

    `ack_wait_s` is how long after the last word of a worker its message goes to another one.
    """

    def __init__(self, bus: Bus, *, kind: str, ack_wait_s: float, max_ack_pending: int = 1000) -> None:
        self._bus = bus
        self._kind = kind
        self._config = ConsumerConfig(
            durable_name=f"workers-{subjects.token(kind).replace('%', '-')}",
            filter_subject=subjects.dispatch(kind),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ack_wait_s,
            max_ack_pending=max_ack_pending,
            max_deliver=-1,  # SQL counts attempts
        )
        self._consumer: JetStreamContext.PullSubscription | None = None
        self._one_pull = asyncio.Lock()

    async def next(self) -> JetStreamDispatch:
        """See DispatchQueue.next. Waits through broker outages."""
        async with self._one_pull:
            failures = 0
            while True:
                try:
                    message = await self._pull()
                    failures = 0
                except (nats.errors.Error, OSError) as error:
                    failures += 1
                    self._consumer = None
                    logger.info("queue waits", kind=self._kind, error=str(error) or type(error).__name__)
                    await self._pause(min(_MAX_BACKOFF_S, 0.05 * 2**failures))
                    continue
                if message is not None:
                    dispatch = await self._read(message)
                    if dispatch is not None:
                        return dispatch

    async def close(self) -> None:
        """See DispatchQueue.close."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            try:
                await consumer.unsubscribe()
            except (nats.errors.Error, OSError) as error:
                logger.info("queue closed without the broker", error=str(error))

    async def _pull(self) -> Msg | None:
        """One long poll; None when it ended empty, or when a new connection made it void."""
        connection = await self._bus.connection_after(0)
        if self._consumer is None:
            self._consumer = await self._bind()
        pull = asyncio.create_task(self._consumer.fetch(1, timeout=_PULL_S))
        reconnect = asyncio.create_task(self._bus.connection_after(connection))
        try:
            await asyncio.wait((pull, reconnect), return_when=asyncio.FIRST_COMPLETED)
            if not pull.done():
                return None
            return (await pull)[0]
        except TimeoutError:
            return None
        finally:
            pull.cancel()
            reconnect.cancel()
            await asyncio.wait((pull, reconnect))

    async def _bind(self) -> JetStreamContext.PullSubscription:
        jetstream = self._bus.jetstream
        await jetstream.add_consumer(subjects.JOBS_STREAM, self._config)
        heed_cancellation()
        return await jetstream.pull_subscribe_bind(self._config.durable_name, stream=subjects.JOBS_STREAM)

    async def _pause(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._bus.connection_after(self._bus.connections)
        except TimeoutError:
            return

    async def _read(self, message: Msg) -> JetStreamDispatch | None:
        try:
            return JetStreamDispatch(message, job_pb2.Dispatch.FromString(message.data))
        except DecodeError:
            logger.exception("a message that is no dispatch was removed", subject=message.subject)
            await message.term()
            return None
