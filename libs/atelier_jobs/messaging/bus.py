"""One process's connection to NATS: comes up while the broker is down, and comes back whenever it does."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription
from nats.js import JetStreamContext

from atelier_service.process import heed_cancellation

logger = structlog.get_logger()

_FLUSH_S = 1.0


class BusUnavailableError(Exception):
    """The broker is unavailable, slow or full, or does not have the stream: a later retry may succeed."""


class BusRefusedError(BusUnavailableError):
    """The broker is there and does not take this message: the stream is full, or the message too large."""


@dataclass(frozen=True, slots=True)
class Message:
    """What came in."""

    subject: str
    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Subscription:
    """Messages of some subjects from now on.

    Lossy, never in silence: the oldest are dropped when nobody reads (more than `capacity`), and so is what was sent
    while the broker was unavailable. Then `next` returns None once, before what came since, so that the reader can look
    elsewhere.
    """

    def __init__(self, subjects: tuple[str, ...], capacity: int) -> None:
        self.subjects = subjects
        self._messages: deque[Message] = deque(maxlen=capacity)
        self._arrived = asyncio.Event()
        self._missed = False

    async def next(self, timeout_s: float | None = None) -> Message | None:
        """Returns the next message; None after `timeout_s`, or when messages may have been missed."""
        if not self._messages and not self._missed:
            self._arrived.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._arrived.wait()
        if self._missed:
            self._missed = False
            return None
        return self._messages.popleft() if self._messages else None

    async def __aiter__(self) -> AsyncIterator[Message]:
        """Yields every message until the task is cancelled."""
        while True:
            message = await self.next()
            if message is not None:
                yield message

    async def deliver(self, message: Msg) -> None:
        """Adds a message; the client calls it."""
        self._missed = self._missed or len(self._messages) == self._messages.maxlen
        self._messages.append(Message(message.subject, message.data, message.headers or {}))
        self._arrived.set()

    def missed(self) -> None:
        """Records that messages were lost, or may have been: those before a new connection."""
        self._missed = True
        self._arrived.set()


class Bus:
    """A connection to the broker; see `open`. Methods do not wait for the broker unless they say so."""

    def __init__(self) -> None:
        self._client = Client()
        self._subscriptions: dict[Subscription, list[NatsSubscription]] = {}
        self._changed = asyncio.Condition()
        self._on_connect: list[Callable[[], None]] = []
        self.connections = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, name: str) -> AsyncIterator["Bus"]:
        """Opens a bus that connects, and reconnects, in the background.

        Args:
            url: URL of the NATS server.
            name: Name of the client in the broker's monitoring.
        """
        bus = cls()
        connecting = asyncio.create_task(bus._connect(url, name), name="bus-connect")
        connecting.add_done_callback(_log_failure)
        try:
            yield bus
        finally:
            connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await connecting
            await bus._client.close()

    @property
    def connected(self) -> bool:
        """True while the broker is connected."""
        return self._client.is_connected

    @property
    def jetstream(self) -> JetStreamContext:
        """JetStream of this connection; its calls fail while the broker is unavailable."""
        return self._client.jetstream(timeout=5.0)

    async def connection_after(self, number: int) -> int:
        """Waits for a connection later than the `number`-th and returns its number; 0 accepts the current one."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.connections > number and self.connected)
        return self.connections

    def on_connect(self, callback: Callable[[], None]) -> None:
        """Calls `callback` at each new connection from now on."""
        self._on_connect.append(callback)

    async def publish(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> bool:
        """Publishes on core NATS, at most once. Returns False for a message that is dropped: no broker is connected."""
        if not self.connected:
            return False
        try:
            await self._client.publish(subject, payload, headers=dict(headers) if headers else None)
        except (nats.errors.Error, OSError) as error:
            logger.info("message dropped", subject=subject, error=str(error))
            return False
        return True

    async def publish_durable(
        self, subject: str, payload: bytes, *, message_id: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Publishes to JetStream, and returns when the stream has stored the message.

        Args:
            subject: The subject.
            payload: The message.
            message_id: The broker drops a second message with this id.
            headers: Headers of the message.

        Raises:
            BusUnavailableError: The broker is unavailable; the message may have been stored nevertheless.
            BusRefusedError: The broker refused the message.
        """
        if not self.connected:
            raise BusUnavailableError("not connected")
        try:
            await self.jetstream.publish(subject, payload, headers={**(headers or {}), "Nats-Msg-Id": message_id})
        except (nats.js.errors.APIError, nats.errors.MaxPayloadError) as error:
            raise BusRefusedError(str(error)) from error
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise BusUnavailableError(str(error) or type(error).__name__) from error
        heed_cancellation()

    @asynccontextmanager
    async def subscribe(self, *names: str, capacity: int = 256) -> AsyncIterator[Subscription]:
        """Subscribes to subjects, from now on or from the next connection.

        Args:
            names: Subjects; wildcards are allowed.
            capacity: Messages that wait for the reader; beyond it the oldest are dropped.
        """
        subscription = Subscription(names, capacity)
        self._subscriptions[subscription] = []
        try:
            if self.connections:
                await self._subscribe(subscription)
            yield subscription
        finally:
            for nats_subscription in self._subscriptions.pop(subscription):
                with contextlib.suppress(nats.errors.Error, OSError):
                    await nats_subscription.unsubscribe()

    async def _connect(self, url: str, name: str) -> None:
        await self._client.connect(
            url,
            name=name,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            connect_timeout=2,
            reconnect_time_wait=0.25,  # type: ignore[arg-type]  # annotated int, slept as a float
            max_reconnect_attempts=-1,
            ping_interval=5,
            max_outstanding_pings=2,
        )
        self.connections = 1
        for subscription in list(self._subscriptions):
            await self._subscribe(subscription)
            subscription.missed()
        await self._notify_connected()

    async def _subscribe(self, subscription: Subscription) -> None:
        with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
            for subject in subscription.subjects:
                made = await self._client.subscribe(subject, cb=subscription.deliver)
                parts = self._subscriptions.get(subscription)
                if parts is None:  # closed in the meantime
                    await made.unsubscribe()
                    return
                parts.append(made)
            if self.connected:
                # So that no message that is published after this call is missed.
                await self._client.flush(timeout=_FLUSH_S)  # type: ignore[arg-type]

    async def _on_error(self, error: Exception) -> None:
        logger.info("broker connection", error=str(error) or type(error).__name__)
        if isinstance(error, nats.errors.SlowConsumerError):  # the client dropped messages before `deliver` saw them
            for subscription, parts in self._subscriptions.items():
                if error.sub in parts:
                    subscription.missed()

    async def _on_disconnected(self) -> None:
        logger.warning("broker is unavailable")

    async def _on_reconnected(self) -> None:
        logger.info("broker is connected again")
        self.connections += 1
        for subscription in self._subscriptions:
            subscription.missed()
        await self._notify_connected()

    async def _notify_connected(self) -> None:
        for callback in self._on_connect:
            callback()
        async with self._changed:
            self._changed.notify_all()


def _log_failure(connecting: asyncio.Task[None]) -> None:
    """Logs an error that no retry can resolve: a wrong address or password."""
    if not connecting.cancelled() and connecting.exception() is not None:
        logger.error("the bus will never connect", exc_info=connecting.exception())
