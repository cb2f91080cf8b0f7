"""A signed URL opens the one thing that it was made for, whatever the gateway let through."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.api import httpbody_pb2
from tests.support.tokens import TestSigner

from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier_service.errors import InvalidArgumentError
from atelier_service.identity import URL_AUDIENCE, current_principal
from atelier_service.revoked_keys import RevokedKeys
from atelier_service.rpc_errors import from_rpc_error
from atelier_service.server import run_server
from atelier_service.settings import ServiceSettings
from atelier_service.signed_routes import parse_url


class Images(image_pb2_grpc.ImageServiceServicer):
    """Opens everything."""

    async def GetImageContent(
        self, request: image_pb2.GetImageContentRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        yield httpbody_pb2.HttpBody(data=current_principal().subject.encode())

    async def GetImage(
        self, request: image_pb2.GetImageRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> image_pb2.Image:
        return image_pb2.Image()

    async def DeleteImage(self, request: Any, context: Any) -> Any:
        raise AssertionError("a signed URL deletes nothing")

    async def ListImages(self, request: Any, context: Any) -> Any:
        raise AssertionError("a signed URL lists nothing")


class Service:
    """The service, and URLs of Ada's for it."""

    def __init__(self, channel: grpc.aio.Channel, signer: TestSigner) -> None:
        self.stub = image_pb2_grpc.ImageServiceStub(channel)
        self.signer = signer

    def signed(self, url: str, **claims: Any) -> tuple[tuple[str, str], ...]:
        """What the gateway sends for a GET of this URL when it is signed."""
        route, resource = parse_url(url)
        fields = {"aud": [URL_AUDIENCE], "route": route, "resource": dict(resource), "scope": "", **claims}
        return (("x-atelier-signature", self.signer.token("ada", **fields)),)

    async def content(self, metadata: Any, **fields: Any) -> bytes:
        """The bytes, or an error."""
        call: Any = self.stub.GetImageContent(image_pb2.GetImageContentRequest(**fields), metadata=metadata)
        return bytes((await call.read()).data)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    signer, revoked = TestSigner(), RevokedKeys()
    revoked._ids.add("revoked")
    async with (
        run_server(
            ServiceSettings(listen="127.0.0.1:0", shutdown_grace_s=0),
            register=lambda server: image_pb2_grpc.add_ImageServiceServicer_to_server(Images(), server),  # type: ignore[abstract]
            verifier=signer.verifier(),
            revoked=revoked,
        ) as running,
        grpc.aio.insecure_channel(running.address) as channel,
    ):
        yield Service(channel, signer)


async def refusal(call: Any) -> str:
    """Why it was refused."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return from_rpc_error(raised.value).reason


async def test_it_opens_its_resource_as_its_owner(service: Service) -> None:
    signed = service.signed("/api/v1/images/1/content?index=2")
    assert await service.content(signed, id="1", index=2) == b"ada"


@pytest.mark.parametrize("fields", [{"id": "2", "index": 2}, {"id": "1"}, {"id": "1", "index": 3}])
async def test_it_opens_no_other_resource(service: Service, fields: dict[str, Any]) -> None:
    signed = service.signed("/api/v1/images/1/content?index=2")
    assert await refusal(service.content(signed, **fields)) == "SIGNATURE_MISMATCH"


async def test_it_opens_no_other_method(service: Service) -> None:
    for url in ("/api/v1/images/1/content", "/api/v1/images/1/events", "/api/v1/videos/1/content", "/api/v1/events"):
        signed = service.signed(url)
        get, delete = image_pb2.GetImageRequest(id="1"), image_pb2.DeleteImageRequest(id="1")
        assert await refusal(service.stub.GetImage(get, metadata=signed)) == "SIGNATURE_MISMATCH"
        assert await refusal(service.stub.DeleteImage(delete, metadata=signed)) == "SCOPE_REQUIRED"
        lists = service.stub.ListImages(image_pb2.ListImagesRequest(), metadata=signed)
        assert await refusal(lists) == "SIGNATURE_MISMATCH"
        if url != "/api/v1/images/1/content":
            assert await refusal(service.content(signed, id="1")) == "SIGNATURE_MISMATCH"


async def test_head_of_a_stream_opens_the_record_of_this_stream_alone(service: Service) -> None:
    head = (("x-atelier-head-of-stream", "1"),)
    get, other = image_pb2.GetImageRequest(id="1"), image_pb2.GetImageRequest(id="2")
    signed = service.signed("/api/v1/images/1/events")

    assert await service.stub.GetImage(get, metadata=signed + head) == image_pb2.Image()
    assert await refusal(service.stub.GetImage(other, metadata=signed + head)) == "SIGNATURE_MISMATCH"
    assert await refusal(service.content(signed + head, id="1")) == "SIGNATURE_MISMATCH"
    lists = service.stub.ListImages(image_pb2.ListImagesRequest(), metadata=signed + head)
    assert await refusal(lists) == "SIGNATURE_MISMATCH"
    for url in ("/api/v1/images/1/content", "/api/v1/videos/1/events", "/api/v1/events"):
        call = service.stub.GetImage(get, metadata=service.signed(url) + head)
        assert await refusal(call) == "SIGNATURE_MISMATCH"


async def test_it_is_no_token_and_a_token_is_no_signature(service: Service) -> None:
    signed = service.signed("/api/v1/images/1/content")
    as_token = (("authorization", f"Bearer {signed[0][1]}"),)
    as_signature = (("x-atelier-signature", service.signer.token("ada")),)
    good = service.signer.metadata("ada")
    for metadata in (as_token, as_signature, (*as_signature, *good)):
        assert await refusal(service.content(metadata, id="1")) == "UNAUTHENTICATED"
    assert await service.content(good, id="1") == b"ada"  # and neither is remembered as the other
    assert await refusal(service.content(as_signature, id="1")) == "UNAUTHENTICATED"


@pytest.mark.parametrize("claims", [{"lifetime_s": -60}, {"iss": "x"}, {"key_id": "revoked"}, {"aud": ["atelier"]}])
async def test_one_that_is_over_or_whose_key_is_revoked_opens_nothing(service: Service, claims: dict[str, Any]) -> None:
    signed = service.signed("/api/v1/images/1/content", **claims)
    assert await refusal(service.content(signed, id="1")) == "UNAUTHENTICATED"


@pytest.mark.parametrize("claims", [{"resource": {}}, {"resource": None}, {"route": None}, {"resource": {"id": "1"}}])
async def test_a_signature_without_a_resource_permits_nothing(service: Service, claims: dict[str, Any]) -> None:
    signed = service.signed("/api/v1/images/1/content", **claims)
    assert await refusal(service.content(signed, id="1")) == "SIGNATURE_MISMATCH"


@pytest.mark.parametrize(
    ("url", "resource"),
    [
        ("/api/v1/images/a/content", {"id": "a", "index": "0"}),
        ("/api/v1/images/a%20b/content?index=3", {"id": "a b", "index": "3"}),
        ("/api/v1/images/a/events?after_seq=7", {"id": "a"}),
        ("/api/v1/videos/a/content?role=POSTER", {"id": "a", "role": "2"}),
        ("/api/v1/videos/a/frames/7?width_px=64&format=JPEG", {"id": "a", "index": "7"}),
        ("/api/v1/assets/a/content", {"id": "a"}),
        ("/api/v1/events", {}),
    ],
)
def test_files_and_streams_of_events_can_be_signed(url: str, resource: dict[str, str]) -> None:
    route, found = parse_url(url)
    assert found == resource
    assert route.split("/")[3] == url.split("/")[3].partition("?")[0]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "/api/v1/images",
        "/api/v1/images/a",
        "/api/v1/images/a/cancel",
        "/api/v1/auth/keys",
        "/api/v1/auth/token",
        "/api/v1/videos/a/frames",
        "/api/v1/system/status",
        "/api/v1/images//content",
        "/api/v1/images/a/b/content",
        "/api/v1/images/a/content?index=x",
        "/api/v1/images/a/content?index=-1",
        "/api/v1/images/a/content?id=b",
        "/api/v1/images/a/content?unknown=1",
        "/api/v1/images/a/content?index=0&sig=x",
        "/api/v1/images/a/content#x",
        "//evil.example/api/v1/images/a/content",
        "https://evil.example/api/v1/images/a/content",
        "/ws/v1/events",
        "/atelier.image.v1.ImageService/GetImage",
    ],
)
def test_nothing_else_can_be_signed(url: str) -> None:
    with pytest.raises(InvalidArgumentError):
        parse_url(url)
