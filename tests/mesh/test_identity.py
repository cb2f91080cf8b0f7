"""No credentials, wrong ones and revoked ones, at every door."""

import asyncio
import json
from typing import Any

import grpc
import grpc.aio
import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from atelier.events.v1 import events_pb2, events_pb2_grpc
from atelier.image.v1 import image_pb2, image_pb2_grpc
from tests.mesh.picture import generate
from tests.mesh.running_mesh import RunningMesh
from tests.support.wait import eventually

BAD = [
    pytest.param({}, id="none"),
    pytest.param({"x-api-key": "atl_nobody_atall"}, id="wrong-key"),
    pytest.param({"x-api-key": "x" * 3000}, id="long-key"),
    pytest.param({"authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}, id="alg-none"),
    pytest.param({"authorization": "Bearer rubbish"}, id="no-jwt"),
    pytest.param({"x-atelier-subject": "dev"}, id="plain-header"),
]


@pytest.mark.parametrize("headers", BAD)
async def test_rest_sse_grpc_and_websocket_return_401_alike(mesh: RunningMesh, headers: dict[str, str]) -> None:
    with mesh.client("") as client:
        for accept in ("application/json", "text/event-stream"):
            for path in ("/api/v1/images", "/api/v1/events", "/api/v1/models"):
                answer = client.get(path, headers={**headers, "Accept": accept})
                assert answer.status_code == 401, (path, answer.text)
                assert answer.json()["code"] == 16
                assert "{" not in answer.json()["message"]
                assert answer.json()["details"][0]["domain"] == "atelier"
        assert client.post("/api/v1/auth/token", json={}, headers=headers).status_code == 401
    async with grpc.aio.insecure_channel(mesh.grpc_address) as channel:
        stub = image_pb2_grpc.ImageServiceStub(channel)
        metadata = tuple(headers.items())
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.ListImages(image_pb2.ListImagesRequest(), metadata=metadata)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.WatchImage(image_pb2.WatchImageRequest(id="x"), metadata=metadata).read()
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    url = mesh.url.replace("http", "ws", 1) + "/ws/v1/events"
    with pytest.raises(InvalidStatus) as closed:
        async with connect(url, additional_headers=headers):
            pass
    assert closed.value.response.status_code == 401
    assert json.loads(closed.value.response.body or b"")["code"] == 16


def test_a_key_becomes_a_token_that_works_until_the_key_is_revoked(mesh: RunningMesh, client: httpx2.Client) -> None:
    made = client.post("/api/v1/auth/keys", json={"display_name": "short", "user_id": "tokenist"}).json()
    key = made["api_key"]
    assert made["key"]["prefix"]
    with mesh.client(key) as owner:
        token = owner.post("/api/v1/auth/token", json={}).json()
        assert (token["token_type"], token["expires_in_s"]) == ("Bearer", 300)
        assert all("api_key" not in k for k in owner.get("/api/v1/auth/keys").json()["keys"])
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    with mesh.client("") as nobody:
        assert nobody.get("/api/v1/images", headers=bearer).status_code == 200
        again = nobody.post("/api/v1/auth/token", json={}, headers=bearer)
        assert again.status_code == 200
        assert client.delete(f"/api/v1/auth/keys/{made['key']['id']}").status_code == 404  # not the administrator's
        refused = nobody.delete(f"/api/v1/auth/keys/{made['key']['id']}", headers=bearer)
        assert (refused.status_code, refused.json()["details"][0]["reason"]) == (403, "SCOPE_REQUIRED")
        with mesh.client(key) as owner:
            assert owner.delete(f"/api/v1/auth/keys/{made['key']['id']}").status_code == 200
        assert nobody.get("/api/v1/images", headers={"X-Api-Key": key}).status_code == 401
        assert nobody.post("/api/v1/auth/token", json={}, headers=bearer).status_code == 401


def test_a_key_as_a_bearer_works_like_the_header(mesh: RunningMesh) -> None:
    with mesh.client("") as nobody:
        headers = {"Authorization": f"Bearer {mesh.api_key}"}
        assert nobody.get("/api/v1/auth/keys", headers=headers).status_code == 200
        assert nobody.get("/api/v1/images", headers={"Authorization": "Bearer atl_nobody_atall"}).status_code == 401


async def test_what_a_key_opened_ends_when_it_is_revoked(mesh: RunningMesh, client: httpx2.Client) -> None:
    made = client.post("/api/v1/auth/keys", json={"display_name": "watcher", "user_id": "watcher"}).json()
    headers = {"X-Api-Key": made["api_key"]}

    async def revoke() -> None:
        async with httpx2.AsyncClient(base_url=mesh.url, headers=headers) as owner:
            assert (await owner.delete(f"/api/v1/auth/keys/{made['key']['id']}")).status_code == 200

    async with (
        asyncio.timeout(60),
        httpx2.AsyncClient(base_url=mesh.url, headers=headers, timeout=60) as watcher,
        watcher.stream("GET", "/api/v1/events") as rest,
        grpc.aio.insecure_channel(mesh.grpc_address) as channel,
        connect(mesh.url.replace("http", "ws", 1) + "/ws/v1/events", additional_headers=headers) as socket,
    ):
        lines = rest.aiter_lines()
        await anext(lines)
        await socket.recv()
        stub = events_pb2_grpc.EventServiceStub(channel)
        call = stub.Subscribe(events_pb2.SubscribeRequest(), metadata=(("x-api-key", made["api_key"]),))
        await call.read()
        await revoke()
        messages: list[str | bytes] = []

        async def listen() -> None:
            while True:
                messages.append(await socket.recv())

        async def read_on() -> None:
            while await call.read():
                pass

        with pytest.raises(ConnectionClosed) as closed:
            await listen()
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await read_on()
        told = [line async for line in lines]
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401
    assert json.loads(messages[-1])["error_notification"]["error"]["reason"] == "KEY_REVOKED"
    assert ended.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert json.loads([line for line in told if line][-1])["error_notification"]["error"]["reason"] == "KEY_REVOKED"


def test_a_key_that_reads_submits_nothing(mesh: RunningMesh, client: httpx2.Client) -> None:
    made = client.post("/api/v1/auth/keys", json={"display_name": "r", "user_id": "reader", "scopes": ["READ"]}).json()
    with mesh.client(made["api_key"]) as reader:
        assert reader.get("/api/v1/images").status_code == 200
        refused = reader.post("/api/v1/images/generate", json={"prompt": "a red circle"})
        assert (refused.status_code, refused.json()["details"][0]["reason"]) == (403, "SCOPE_REQUIRED")
        assert reader.post("/api/v1/auth/keys", json={"display_name": "x"}).status_code == 403


async def test_which_job_a_worker_runs_is_its_owners_business(mesh: RunningMesh, client: httpx2.Client) -> None:
    body = {"prompt": "a red circle on a blue background", "steps": 200, "width_px": 256, "height_px": 256}
    with mesh.client(mesh.key_of("painter")) as painter, mesh.client(mesh.key_of("neighbour")) as neighbour:
        image_id = painter.post("/api/v1/images/generate", json=body).json()["id"]

        def seen_by(caller: httpx2.Client) -> set[str]:
            return {worker["job_id"] for worker in caller.get("/api/v1/system/status").json()["workers"]}

        await eventually(lambda: image_id in seen_by(painter), 60)
        assert image_id not in seen_by(neighbour)
        painter.post(f"/api/v1/images/{image_id}/cancel", json={})


def test_a_user_may_not_do_what_administrators_may(mesh: RunningMesh) -> None:
    with mesh.client(mesh.key_of("plain")) as user:
        assert user.post("/api/v1/models/demo-image/unload", json={}).status_code == 403
        assert user.post("/api/v1/auth/keys", json={"display_name": "x", "user_id": "dev"}).status_code == 403
        assert user.post("/api/v1/auth/keys", json={"display_name": "x", "admin": True}).status_code == 403


@pytest.mark.parametrize(
    "method",
    [
        "/atelier.auth.v1.AuthService/CreateServiceToken",
        "/atelier.auth.v1.AuthService/CreateDelegatedToken",
        "/atelier.auth.v1.AuthService/CreateJobToken",
        "/atelier.jobs.v1.WorkerService/ClaimJobs",
        "/atelier.models.v1.ModelWorkerService/ReportModels",
        "/atelier.storage.v1.StorageService/DeleteJobAssets",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/envoy.service.auth.v3.Authorization/Check",
    ],
)
async def test_internal_methods_are_not_reachable_through_the_gateway(mesh: RunningMesh, method: str) -> None:
    async with grpc.aio.insecure_channel(mesh.grpc_address) as channel:
        multicallable: Any = channel.unary_unary(method)
        call = multicallable(b"", metadata=(("x-api-key", mesh.api_key),))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND)


def test_health_and_keys_and_the_contract_need_no_credentials(mesh: RunningMesh) -> None:
    with mesh.client("") as nobody:
        assert nobody.get("/healthz").status_code == 200
        assert nobody.get("/.well-known/jwks.json").json()["keys"][0]["kty"] == "OKP"
        assert nobody.get("/api/v1/openapi.json").json()["openapi"].startswith("3.1")


async def test_grpc_with_the_key_makes_the_same_picture_as_rest(mesh: RunningMesh, client: httpx2.Client) -> None:
    rest = await asyncio.to_thread(generate, client, seed=1)
    async with grpc.aio.insecure_channel(mesh.grpc_address) as channel:
        stub = image_pb2_grpc.ImageServiceStub(channel)
        parameters = image_pb2.GenerationParameters(prompt="a red circle on a blue background", seed=1)
        metadata = (("x-api-key", mesh.api_key), ("prefer", "wait=60"))
        image = await stub.GenerateImage(image_pb2.GenerateImageRequest(parameters=parameters), metadata=metadata)
        assert image.outputs[0].sha256 == rest["outputs"][0]["sha256"]
