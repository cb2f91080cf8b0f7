"""Messages between a host and its pool: each arrives as it was sent, and what is no message is refused."""

import pytest

from atelier_nodes.protocol.frames import HEADER, MAX_DATA_BYTES, ProtocolError, body_lengths, from_frame, to_frame
from atelier_nodes.protocol.isolation import HostIsolation, IsolationLine
from atelier_nodes.protocol.messages import FROM_HOST, TO_HOST, GraphHappened, HostLoaded, MeshReturned, RunGraph
from atelier_nodes.protocol.messages import FolderPaths as Paths


def decoded(frame: bytes, kinds: dict[str, type]) -> object:
    """What the other side reads out of a frame."""
    text, data = body_lengths(frame[: HEADER.size])
    body = frame[HEADER.size :]
    assert len(body) == text + data
    return from_frame(body[:text], body[text:], kinds)


def test_a_message_arrives_as_it_was_sent() -> None:
    prompt = {"1": {"class_type": "A", "inputs": {"seed": 2**64 - 1}}}
    sent = RunGraph("x", prompt, ("1",), {}, Paths("i", "o", "t"), "owner", exclusive=True)
    assert decoded(to_frame(sent), TO_HOST) == sent


def test_bytes_travel_beside_the_json() -> None:
    sent = MeshReturned(3, None, bytes(range(256)))
    assert decoded(to_frame(sent), TO_HOST) == sent


def test_a_dataclass_within_a_message_arrives() -> None:
    sent = HostLoaded(0.5, HostIsolation((IsolationLine("network", True, "own namespace"),)), ("Pack",))
    assert decoded(to_frame(sent), FROM_HOST) == sent


def test_text_that_is_no_unicode_and_numbers_that_are_none_arrive() -> None:
    sent = GraphHappened("x", ({"text": "\ud800", "value": float("inf")},))
    assert decoded(to_frame(sent), FROM_HOST) == sent


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[]", b"1", b"{}", b'{"type": 1}', b'{"type": "Nothing"}', b"\xff", b"[" * 100_000,
        b'{"type": "GraphHappened", "execution": 1, "events": 2}', b'{"type": "OpenHost"}',
        b'{"type": "Replied", "number": "x", "value": 1}',
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        from_frame(text, b"", FROM_HOST)


def test_a_frame_that_would_fill_memory_is_refused_by_its_header() -> None:
    with pytest.raises(ProtocolError, match="too large"):
        body_lengths(HEADER.pack(10, MAX_DATA_BYTES + 1))


def test_a_value_that_is_not_json_is_refused_where_it_is_sent() -> None:
    with pytest.raises(TypeError, match="not JSON"):
        to_frame(GraphHappened("x", ({"value": object()},)))
