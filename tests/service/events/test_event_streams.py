"""Streams of everything that concerns a caller: bounded, resumable, and never with a hole."""

import json
from typing import Any

import grpc
import grpc.aio
import pytest
import websockets
from google.api import httpbody_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from atelier.events.v1 import events_pb2
from atelier_jobs.messaging import subjects
from tests.service.events.running_events import RunningEventsService
from tests.support.wait import eventually


def retry_delay_s(error: grpc.aio.AioRpcError) -> int:
    """What RetryInfo says."""
    retry = error_details_pb2.RetryInfo()
    status = rpc_status.from_call(error)
    assert status is not None
    assert any(detail.Unpack(retry) for detail in status.details)
    return int(retry.retry_delay.seconds)


async def test_streams_of_a_caller_are_limited_over_all_protocols_and_no_other_caller_is_affected(
    events: RunningEventsService,
) -> None:
    first = events.subscribe()
    await first.read()
    bearer = {"Authorization": f"Bearer {events.signer.token('ada')}"}
    async with websockets.connect(events.websocket_url, additional_headers=bearer) as socket:
        await socket.recv()

        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await events.subscribe().read()
        with pytest.raises(websockets.InvalidStatus) as refused_socket:
            await websockets.connect(events.websocket_url, additional_headers=bearer)

        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert retry_delay_s(refused.value) == 5
        response = refused_socket.value.response
        assert (response.status_code, response.headers["retry-after"]) == (429, "5")
        assert json.loads(response.body or b"")["details"][0]["reason"] == "TOO_MANY_STREAMS"
        assert (await events.subscribe("bob").read()).type == "heartbeat"
    first.cancel()


async def test_a_stream_that_has_ended_gives_its_place_back(events: RunningEventsService) -> None:
    calls = [events.subscribe() for _ in range(2)]
    for call in calls:
        await call.read()

    calls[0].cancel()

    async def there_is_a_place() -> bool:
        found, _ = await read_until_it_ends(events.subscribe(), at_most=1)
        return bool(found)

    await eventually(there_is_a_place)
    calls[1].cancel()


async def read_until_it_ends(call: Any, at_most: int) -> tuple[list[events_pb2.Event], grpc.StatusCode]:
    """The next events of a stream, and how it ended; OK when there are `at_most` of them."""
    found: list[events_pb2.Event] = []
    try:
        while len(found) < at_most and isinstance(event := await call.read(), events_pb2.Event):
            found.append(event)
    except grpc.aio.AioRpcError as error:
        return found, error.code()
    call.cancel()
    return found, grpc.StatusCode.OK


async def test_who_does_not_read_loses_the_stream_behind_the_last_event_and_resumes_without_a_hole(
    events: RunningEventsService,
) -> None:
    call = events.subscribe()
    await call.read()  # from here on nothing is missed; and nothing more is read
    count = 400
    await events.publish(count, size_bytes=20_000)

    before, status = await read_until_it_ends(call, count)
    rest = count - len(before)
    after, _ = await read_until_it_ends(events.subscribe(after=before[-1].cursor), rest + 1)

    assert status is grpc.StatusCode.ABORTED
    cursors = [int(event.cursor) for event in (*before, *after[1:])]  # the first one is a heartbeat
    assert cursors == list(range(cursors[0], cursors[0] + count))


async def test_frames_have_the_same_events_as_messages_and_resume_after_the_last_event_id(
    events: RunningEventsService,
) -> None:
    await events.publish(3)
    metadata = (*events.signer.metadata(), ("accept", "text/event-stream"), ("last-event-id", "1"))

    call = events.frames.Subscribe(events_pb2.SubscribeRequest(after="0"), metadata=metadata)
    frames = [frame for _ in range(4) if isinstance(frame := await call.read(), httpbody_pb2.HttpBody)]
    call.cancel()

    opening, heartbeat, *kept = [frame.data.decode() for frame in frames]
    assert {frame.content_type for frame in frames} == {"text/event-stream"}
    assert opening.startswith("retry: ")
    assert heartbeat.startswith("id: 1\ndata: ")
    assert [frame.partition("\n")[0] for frame in kept] == ["id: 2", "id: 3"]
    assert all(frame.endswith("}\n\n") for frame in kept)


async def test_an_id_that_no_event_had_is_refused(events: RunningEventsService) -> None:
    metadata = (*events.signer.metadata(), ("last-event-id", "somewhere"))

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await events.frames.Subscribe(events_pb2.SubscribeRequest(), metadata=metadata).read()

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_whoever_leaves_while_missed_events_are_sent_leaves_nothing_behind(events: RunningEventsService) -> None:
    await events.publish(20, size_bytes=20_000)

    for _ in range(3):
        call = events.subscribe(after="0")
        await call.read()
        call.cancel()

    async def only_the_reader_is_left() -> bool:
        return len(await events.bus.jetstream.consumers_info(subjects.EVENTS_STREAM)) == 1

    # Long before the broker would remove them itself.
    await eventually(only_the_reader_is_left, timeout_s=15)
