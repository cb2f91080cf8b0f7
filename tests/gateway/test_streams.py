"""Streams: framed as asked for, from the first moment, and nothing is held back."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from atelier.image.v1 import image_pb2, image_pb2_grpc
from tests.gateway.mesh import Gateway, Upstream
from tests.support.wait import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVENTS = "/api/v1/images/1/events"


async def test_a_stream_is_one_json_object_a_line(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.get(EVENTS, headers=ada)

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["seq"] for line in answer.text.splitlines()] == [1, 2, 3]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_stream_is_server_sent_events_when_requested(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.get(EVENTS, headers={**ada, "accept": "text/event-stream"})

    assert answer.headers["content-type"] == "text/event-stream"
    retry, *events = answer.text.removesuffix("\n\n").split("\n\n")
    assert retry == "retry: 2000"
    fields = [dict(line.split(": ", 1) for line in event.splitlines()) for event in events]
    assert [(event["id"], json.loads(event["data"])["seq"]) for event in fields] == [("1", 1), ("2", 2), ("3", 3)]


async def test_a_stream_has_the_json_that_the_transcoder_prints(gateway: Gateway, ada: dict[str, str]) -> None:
    event = json.loads((await gateway.rest.get(EVENTS, headers=ada)).text.splitlines()[0])

    assert event == {"type": "generation.progress", "cursor": "", "job_id": "", "seq": 1, "trace_id": ""}


async def test_a_stream_resumes_after_the_last_event_id(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.get(EVENTS, headers={**ada, "accept": "text/event-stream", "last-event-id": "1"})
    ended = await gateway.rest.get(EVENTS, headers={**ada, "accept": "text/event-stream", "last-event-id": "3"})

    assert [line for line in answer.text.splitlines() if line.startswith("id")] == ["id: 2", "id: 3"]
    assert (ended.status_code, ended.content) == (204, b"")
    assert "content-type" not in ended.headers


async def test_a_stream_resumes(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.get(f"{EVENTS}?after_seq=2", headers=ada)

    assert [json.loads(line)["seq"] for line in answer.text.splitlines()] == [3]


async def test_a_filter_is_a_repeated_query_parameter(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.get("/api/v1/events?types=model.status&types=system.status", headers=ada)

    types = [json.loads(line)["type"] for line in answer.text.splitlines()]
    assert types == ["model.status", "system.status"]


@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
async def test_an_error_before_the_first_message_is_an_error(
    gateway: Gateway, ada: dict[str, str], accept: str
) -> None:
    answer = await gateway.rest.get("/api/v1/images/none/events", headers={**ada, "accept": accept})

    assert answer.status_code == 404
    assert answer.json()["details"][0]["reason"] == "IMAGE_NOT_FOUND"


async def test_headers_come_before_the_first_message_and_leaving_stops_the_handler(
    gateway: Gateway, upstream: Upstream, ada: dict[str, str]
) -> None:
    async with gateway.rest.stream("GET", "/api/v1/images/quiet/events", headers=ada) as answer:
        assert answer.status_code == 200
        await eventually(lambda: upstream.images.watchers == 1)

    await eventually(lambda: upstream.images.watchers == 0)


async def test_cancelling_a_grpc_stream_stops_the_handler(
    gateway: Gateway, upstream: Upstream, ada: dict[str, str]
) -> None:
    stub = image_pb2_grpc.ImageServiceStub(gateway.channel)
    call = stub.WatchImage(image_pb2.WatchImageRequest(id="quiet"), metadata=tuple(ada.items()))
    await eventually(lambda: upstream.images.watchers == 1)

    call.cancel()

    await eventually(lambda: upstream.images.watchers == 0)


async def test_an_upload_flows_while_it_is_sent(gateway: Gateway, upstream: Upstream, ada: dict[str, str]) -> None:
    piece, pieces = b"x" * 1_000_000, 20
    first_half_arrived = asyncio.Event()

    async def content() -> AsyncIterator[bytes]:
        for number in range(pieces):
            if number == pieces // 2:
                await eventually(lambda: upstream.storage.received_bytes == len(piece) * pieces // 2)
                first_half_arrived.set()
            yield piece

    answer = await gateway.rest.post(
        "/api/v1/assets?filename=a.png", headers={**ada, "content-type": "image/png"}, content=content()
    )

    assert first_half_arrived.is_set()
    assert answer.status_code == 200
    assert answer.json()["size_bytes"] == str(len(piece) * pieces)
    assert answer.json()["filename"] == "a.png"
    assert answer.json()["content_type"] == "image/png"


async def test_storage_may_refuse_an_upload_as_too_large(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.post("/api/v1/assets?filename=too%20large", headers=ada, content=b"x")

    assert answer.status_code == 413
    assert answer.json()["details"][0]["reason"] == "TOO_LARGE"
