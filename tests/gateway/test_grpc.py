"""Native gRPC passes as it is, but only to what is public."""

import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from atelier.auth.v1 import auth_pb2, auth_pb2_grpc
from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier.storage.v1 import storage_pb2, storage_pb2_grpc
from tests.gateway.mesh import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_call_passes_and_keeps_its_type(gateway: Gateway, ada: dict[str, str]) -> None:
    stub = image_pb2_grpc.ImageServiceStub(gateway.channel)

    call = stub.GenerateImage(image_pb2.GenerateImageRequest(request_id="r"), metadata=tuple(ada.items()))

    assert (await call).id == "1"
    metadata = dict(await call.initial_metadata())
    assert metadata["location"] == "/api/v1/images/1"
    assert "x-http-code" not in metadata


async def test_a_stream_passes(gateway: Gateway, ada: dict[str, str]) -> None:
    stub = image_pb2_grpc.ImageServiceStub(gateway.channel)

    call = stub.WatchImage(image_pb2.WatchImageRequest(id="1"), metadata=tuple(ada.items()))

    assert [event.seq async for event in call] == [1, 2, 3]


async def test_an_upload_passes(gateway: Gateway, ada: dict[str, str]) -> None:
    stub = storage_pb2_grpc.StorageServiceStub(gateway.channel)
    request = storage_pb2.CreateAssetRequest(filename="a.png")
    request.file.data = b"x" * 1_000_000

    asset = await stub.CreateAsset(iter([request] * 5), metadata=tuple(ada.items()))

    assert asset.size_bytes == 5_000_000


async def test_an_error_keeps_its_details(gateway: Gateway, ada: dict[str, str]) -> None:
    stub = image_pb2_grpc.ImageServiceStub(gateway.channel)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.GetImage(image_pb2.GetImageRequest(id="none"), metadata=tuple(ada.items()))

    assert raised.value.code() == grpc.StatusCode.NOT_FOUND
    status = rpc_status.from_call(raised.value)
    info = error_details_pb2.ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    assert info.reason == "IMAGE_NOT_FOUND"


async def test_what_is_internal_is_not_there(gateway: Gateway, ada: dict[str, str]) -> None:
    auth = auth_pb2_grpc.AuthServiceStub(gateway.channel)
    storage = storage_pb2_grpc.StorageServiceStub(gateway.channel)
    health = health_pb2_grpc.HealthStub(gateway.channel)
    reflection = reflection_pb2_grpc.ServerReflectionStub(gateway.channel)
    metadata = tuple(ada.items())
    calls = [
        auth.CreateServiceToken(auth_pb2.CreateServiceTokenRequest(), metadata=metadata),
        auth.CreateDelegatedToken(auth_pb2.CreateDelegatedTokenRequest(), metadata=metadata),
        storage.DeleteJobAssets(storage_pb2.DeleteJobAssetsRequest(), metadata=metadata),
        health.Check(health_pb2.HealthCheckRequest(), metadata=metadata),
        reflection.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest()]), metadata=metadata).read(),
    ]  # fmt: skip

    for call in calls:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_an_internal_rpc_is_not_there_through_grpc_web_either(gateway: Gateway, ada: dict[str, str]) -> None:
    answer = await gateway.rest.post(
        "/atelier.auth.v1.AuthService/CreateServiceToken",
        headers={**ada, "content-type": "application/grpc-web+proto"},
        content=b"\0\0\0\0\0",
    )

    assert (answer.status_code, answer.headers["grpc-status"]) == (200, "12")


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
async def test_an_internal_rpc_is_not_there_through_http_either(
    gateway: Gateway, ada: dict[str, str], kind: str
) -> None:
    answer = await gateway.rest.post(
        "/atelier.auth.v1.AuthService/CreateServiceToken", headers={**ada, "content-type": kind}, content=b"\0\0\0\0\0"
    )

    assert answer.status_code == 404
