"""SSE, NDJSON, gRPC and WebSocket tell the same story, and resuming misses nothing and repeats nothing."""

import asyncio
import base64
import io
import json
from typing import Any

import grpc.aio
import httpx2
import pytest
from google.protobuf.json_format import MessageToDict
from PIL import Image
from websockets.asyncio.client import ClientConnection, connect

from atelier.events.v1 import events_pb2, events_pb2_grpc
from atelier.image.v1 import image_pb2, image_pb2_grpc
from tests.mesh.picture import generate
from tests.mesh.running_mesh import RunningMesh
from tests.mesh.seed import new_seed
from tests.mesh.story import detail, events_of, payload

Story = list[tuple[int, str]]


def _submit(client: httpx2.Client, **parameters: Any) -> dict[str, Any]:
    body = {"prompt": "a blue heart on a white background", "seed": new_seed(), **parameters}
    image: dict[str, Any] = client.post("/api/v1/images/generate", json=body).json()
    return image


def _story(events: list[dict[str, Any]]) -> Story:
    """The numbers of durable events, each with the state that it brought.

    A step has the number of the durable event before it, and may overtake it: they travel on different paths.
    """
    states: dict[int, str] = {}
    for event in events:
        if event["type"] == "generation.progress":
            states.setdefault(event["seq"], payload(event).get("state", ""))
    return sorted(states.items())


async def _until_end(socket: ClientConnection, job_id: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    async for message in socket:
        event = json.loads(message)
        if event["job_id"] == job_id:
            events.append(event)
            if payload(event).get("terminal"):
                return events
    raise AssertionError("the socket closed before the end")


async def test_all_protocols_deliver_the_same_events(mesh: RunningMesh, client: httpx2.Client) -> None:
    url = mesh.url.replace("http", "ws", 1) + "/ws/v1/events"
    async with (
        connect(url, additional_headers={"X-Api-Key": mesh.api_key}) as socket,
        grpc.aio.insecure_channel(mesh.grpc_address) as channel,
    ):
        assert json.loads(await socket.recv())["type"] == "heartbeat"  # from here on it sees everything
        image = await asyncio.to_thread(_submit, client, steps=40)
        links = image["links"]
        told = asyncio.create_task(_until_end(socket, image["id"]))
        ndjson = asyncio.create_task(asyncio.to_thread(lambda: list(events_of(client, links["events"], after_seq=0))))
        sse = asyncio.create_task(
            asyncio.to_thread(lambda: list(events_of(client, links["events"], sse=True, after_seq=0)))
        )
        request = image_pb2.WatchImageRequest(id=image["id"], after_seq=0)
        watch = image_pb2_grpc.ImageServiceStub(channel).WatchImage(request, metadata=(("x-api-key", mesh.api_key),))
        over_grpc = [MessageToDict(e, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
                     async for e in watch]  # fmt: skip
        over_websocket = await told
        stories = [_story(events) for events in (await ndjson, await sse, over_grpc, over_websocket)]
    assert stories[0] == [(1, "QUEUED"), (2, "RUNNING"), (3, "SUCCEEDED")]
    assert stories == [stories[0]] * 4
    assert [event["seq"] for event in over_websocket if event["cursor"]] == [1, 2, 3]


def test_a_stream_begins_with_a_snapshot_and_ends_with_one_terminal_event(client: httpx2.Client) -> None:
    events = list(events_of(client, _submit(client, steps=60)["links"]["events"]))
    assert events[0]["type"] == "generation.snapshot"
    assert [bool(payload(e).get("terminal")) for e in events].count(True) == 1
    assert payload(events[-1])["terminal"]
    assert payload(events[-1])["content_urls"]
    steps = [detail(e)["step"] for e in events if detail(e)]
    assert steps == sorted(steps)
    assert len(set(steps)) > 2
    previews = [payload(e) for e in events if payload(e).get("preview")]
    for preview in previews:
        with Image.open(io.BytesIO(base64.b64decode(preview["preview"]))) as opened:
            assert opened.format == "JPEG"


def test_the_stream_of_a_finished_image_ends_at_once(client: httpx2.Client) -> None:
    image = generate(client, seed=1)
    events = list(events_of(client, image["links"]["events"]))
    assert payload(events[-1])["state"] == "SUCCEEDED"
    assert payload(events[-1])["terminal"]


@pytest.mark.parametrize("after", [0, 1, 2])
def test_resuming_after_a_number_misses_nothing_and_repeats_nothing(client: httpx2.Client, after: int) -> None:
    image = _submit(client, steps=30)
    events = list(events_of(client, image["links"]["events"], after_seq=after))
    assert [seq for seq, _ in _story(events) if seq > after] == list(range(after + 1, 4))
    assert all(e["seq"] >= after for e in events if e["type"] == "generation.progress")


async def test_the_callers_events_are_replayed_from_a_cursor(mesh: RunningMesh) -> None:
    key = mesh.key_of("replayer")
    with mesh.client(key) as client:
        async with grpc.aio.insecure_channel(mesh.grpc_address) as channel:
            stub = events_pb2_grpc.EventServiceStub(channel)
            metadata = (("x-api-key", key),)
            live = stub.Subscribe(events_pb2.SubscribeRequest(types=["generation.progress"]), metadata=metadata)
            await live.read()  # the heartbeat: from here on it sees everything
            image = await asyncio.to_thread(generate, client, seed=new_seed())
            kept: list[events_pb2.Event] = []
            while not kept or not kept[-1].generation_progress.terminal:
                event = await live.read()
                assert isinstance(event, events_pb2.Event)
                if event.cursor and event.type != "heartbeat":
                    kept.append(event)
            live.cancel()
            request = events_pb2.SubscribeRequest(after=kept[0].cursor, job_id=image["id"])
            replay = stub.Subscribe(request, metadata=metadata)
            again: list[events_pb2.Event] = []
            while len(again) < len(kept) - 1:
                event = await replay.read()
                assert isinstance(event, events_pb2.Event)
                if event.cursor and event.type != "heartbeat":
                    again.append(event)
            replay.cancel()
    assert again == kept[1:]
    assert {e.job_id for e in kept} == {image["id"]}


async def test_events_of_another_owner_are_not_delivered(mesh: RunningMesh, client: httpx2.Client) -> None:
    url = mesh.url.replace("http", "ws", 1) + "/ws/v1/events"
    key = mesh.key_of("listener")
    async with connect(url, additional_headers={"X-Api-Key": key}) as socket:
        await socket.recv()
        await asyncio.to_thread(generate, client, seed=new_seed(), steps=2)
        with mesh.client(key) as own:
            mine = await asyncio.to_thread(generate, own, seed=new_seed(), steps=2)
        heard = await _until_end(socket, mine["id"])
        assert heard
        assert {e["job_id"] for e in heard} == {mine["id"]}


@pytest.mark.parametrize("query", ["after=abc", "types=nonsense", "colour=red", "after=999999999999"])
async def test_a_wrong_subscription_is_refused(mesh: RunningMesh, client: httpx2.Client, query: str) -> None:
    answer = client.get(f"/api/v1/events?{query}")
    assert answer.status_code == 400, answer.text


def test_the_status_contains_workers_queues_and_disk(client: httpx2.Client) -> None:
    generate(client, seed=1)
    status = client.get("/api/v1/system/status").json()
    assert sorted(w["kind"] for w in status["workers"]) == ["image", "video", "workflow"]
    assert all(w["device"] for w in status["workers"])
    assert sorted(q["kind"] for q in status["queues"]) == ["image", "video", "workflow"]
    assert int(status["disk_total_bytes"]) > int(status["disk_used_bytes"]) > 0


def test_models_are_listed_and_can_be_unloaded_and_loaded(client: httpx2.Client) -> None:
    models = client.get("/api/v1/models").json()["models"]
    assert (models[0]["id"], models[0]["is_default"]) == ("demo-image", True)
    generate(client, seed=1)
    assert client.post("/api/v1/models/demo-image/unload", json={}).status_code == 202
    _until_model_is(client, "UNLOADED")
    assert client.post("/api/v1/models/demo-image/load", json={}).status_code == 202
    _until_model_is(client, "READY")
    assert int(client.get("/api/v1/models/demo-image").json()["memory_bytes"]) > 1_000_000
    assert client.get("/api/v1/models/nothing").status_code == 404


def _until_model_is(client: httpx2.Client, state: str) -> None:
    """Reads the model's events from the start of the log until it is in `state`, and asks whether it says so itself."""
    for event in events_of(client, "/api/v1/events", types="model.status", after="0"):
        if client.get("/api/v1/models/demo-image").json()["state"] == state:
            return
        assert event["type"] in ("model.status", "heartbeat")
