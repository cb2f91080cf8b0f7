"""What waits for a slow client."""

import json

import pytest

from atelier_comfy.outbox import CROWDED, MOST_BYTES, Outbox, OutboxFullError, Progress


def states(**nodes: str) -> Progress:
    return Progress("states", prompt_id="p", nodes=dict(nodes))


async def test_messages_leave_in_the_order_in_which_they_came() -> None:
    outbox = Outbox()
    for message in ("a", Progress("k", "b"), b"c", Progress("k", "d")):
        outbox.put(message)
    assert await outbox.take() == ["a", "b", b"c", "d"]


async def test_of_many_steps_the_newest_waits_and_no_other_message_is_lost() -> None:
    outbox = Outbox()
    for number in range(1000):
        outbox.put(Progress("steps", str(number)))
        outbox.put(f"executed {number}")
    taken = await outbox.take()
    assert [message for message in taken if str(message).startswith("executed")] == [
        f"executed {n}" for n in range(1000)
    ]
    steps = [message for message in taken if not str(message).startswith("executed")]
    assert len(steps) < CROWDED
    assert steps[-1] == "999"


async def test_states_of_nodes_that_are_not_sent_are_in_the_next_ones() -> None:
    outbox = Outbox()
    for number in range(CROWDED + 50):
        outbox.put(states(**{f"n{number}": "finished"}))
    seen: dict[str, str] = {}
    for message in await outbox.take():
        seen |= json.loads(message)["data"]["nodes"]
    assert seen == {f"n{number}": "finished" for number in range(CROWDED + 50)}


async def test_a_client_that_reads_nothing_is_given_up_when_megabytes_wait() -> None:
    outbox = Outbox()
    outbox.put("x" * (MOST_BYTES - 1))
    with pytest.raises(OutboxFullError):
        outbox.put("xx")
