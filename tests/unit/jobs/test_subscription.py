"""A subscription loses messages when nobody reads, and says so."""

from nats.aio.client import Client
from nats.aio.msg import Msg

from atelier_jobs.messaging.bus import Subscription


async def test_whoever_reads_too_slowly_learns_that_messages_were_dropped() -> None:
    subscription = Subscription(("a",), capacity=2)
    for number in range(3):
        await subscription.deliver(Msg(Client(), subject="a", data=b"%d" % number))

    assert await subscription.next(5) is None
    messages = [await subscription.next(5) for _ in range(2)]

    assert [message.data for message in messages if message] == [b"1", b"2"]
