"""What the gateway refuses itself, it refuses with details: to REST, gRPC and gRPC-Web callers alike."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier_gateway.replies import REPLIES, TOKEN_REPLIES, Reply, status_body, status_headers
from tests.gateway.doors import GRPC, GRPC_WEB, Answer, Door, Header
from tests.gateway.mesh import Gateway, Upstream, free_port, knows_keys, run_envoy, run_mesh, serve, settings_for
from tests.support.tokens import TestSigner
from tests.support.wait import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = (b"x-api-key", b"atl_bob_secret")
EVERY_RPC_DOOR = pytest.mark.parametrize("door", [GRPC, GRPC_WEB], ids=lambda door: door.name)


def bearer(token: str) -> list[Header]:
    """Headers of a caller with a token."""
    return [(b"authorization", f"Bearer {token}".encode())]


def refusal(answer: Answer) -> tuple[int, str]:
    """gRPC's code and the reason, of an answer whose details agree with its headers."""
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"].startswith("application/grpc")
    status = answer.details()
    assert (status.code, status.message) == (answer.grpc_status, answer.headers["grpc-message"])
    return status.code, answer.reason()


def waits_s(status: status_pb2.Status) -> float:
    """What a RetryInfo says; 0 without one."""
    info = error_details_pb2.RetryInfo()
    found = [info.retry_delay.ToTimedelta().total_seconds() for detail in status.details if detail.Unpack(info)]
    return found[0] if found else 0


@pytest.mark.parametrize("reply", [*REPLIES, *TOKEN_REPLIES.values()], ids=lambda reply: f"{reply.http} {reply.reason}")
async def test_both_forms_of_a_reply_have_the_same_content(reply: Reply) -> None:
    body, headers = status_body(reply), status_headers(reply)
    answer = Answer(200, headers, b"")

    assert answer.reason() == body["details"][0]["reason"]
    assert waits_s(answer.details()) == reply.retry_after_s
    assert len(body["details"]) == len(answer.details().details)
    assert answer.details().code == (12 if reply.http == 404 else body["code"])


@EVERY_RPC_DOOR
async def test_a_missing_credential_is_an_error_with_a_reason(gateway: Gateway, upstream: Upstream, door: Door) -> None:
    async def ask(headers: Sequence[Header]) -> tuple[int, str]:
        return refusal(await door.ask(gateway.settings.port, headers))

    assert await ask([]) == (16, "UNAUTHENTICATED")
    assert await ask([(b"x-api-key", b"atl_bob_guess")]) == (16, "UNAUTHENTICATED")
    assert await ask(bearer(upstream.signer.token(lifetime_s=-60))) == (16, "TOKEN_EXPIRED")
    assert await ask(bearer(TestSigner().token())) == (16, "TOKEN_INVALID")
    assert await ask(bearer(upstream.signer.token(aud=["x"]))) == (16, "TOKEN_INVALID")
    assert await ask(bearer("x.y.z")) == (16, "TOKEN_INVALID")


@EVERY_RPC_DOOR
@pytest.mark.parametrize("path", ["/nope", "/atelier.image.v1.ImageService/Nope", "/grpc.health.v1.Health/Check"])
async def test_a_call_of_what_is_not_there_is_unimplemented(gateway: Gateway, door: Door, path: str) -> None:
    unknown = replace(door, line=f"POST {path}")

    assert refusal(await unknown.ask(gateway.settings.port, [KEY])) == (12, "ROUTE_NOT_FOUND")


@EVERY_RPC_DOOR
@pytest.mark.parametrize("line", ["GET /api/v1/images/1", "POST /api/v1/assets", "GET /.well-known/jwks.json"])
async def test_a_rest_path_is_no_rpc(gateway: Gateway, door: Door, line: str) -> None:
    assert refusal(await replace(door, line=line).ask(gateway.settings.port, [KEY]))[1] == "UNSUPPORTED_MEDIA_TYPE"


async def test_a_caller_over_the_rate_limit_gets_the_time_to_retry(tmp_path: Path) -> None:
    async with run_mesh(tmp_path, requests_per_s=1, request_burst=1) as (gateway, _):
        port = gateway.settings.port
        stub = image_pb2_grpc.ImageServiceStub(gateway.channel)

        async def limited(door: Door) -> Answer:
            answer = await door.ask(port, [KEY])
            return answer if answer.grpc_status == 8 or answer.status == 429 else await limited(door)

        for door in (GRPC, GRPC_WEB):
            answer = await limited(door)
            assert refusal(answer) == (8, "RATE_LIMITED")
            assert waits_s(answer.details()) == 1
            assert answer.headers["retry-after"] == "1"
        rest = await limited(Door("rest", "GET /api/v1/images/1"))
        assert json.loads(rest.body)["details"][1]["retry_delay"] == "1s"
        assert rest.headers["retry-after"] == "1"
        metadata = (("x-api-key", "atl_bob_secret"),)
        calls = [stub.GetImage(image_pb2.GetImageRequest(id="1"), metadata=metadata) for _ in range(20)]
        refused = [call for call in calls if await call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED]
        status = await rpc_status.aio.from_call(refused[0])
        assert status is not None
        assert (status.code, waits_s(status)) == (8, 1)


async def test_a_service_that_is_unavailable_or_too_slow_is_an_error_with_a_reason(tmp_path: Path) -> None:
    signer = TestSigner()
    async with serve(signer) as others:
        settings = settings_for(others, tmp_path).model_copy(update={"image_address": f"127.0.0.1:{free_port()}"})
        async with run_envoy(settings, tmp_path) as gateway:
            await eventually(lambda: knows_keys(gateway, signer), 20)
            for door in (GRPC, GRPC_WEB):
                answer = await door.ask(settings.port, bearer(signer.token()))
                assert refusal(answer) == (14, "UNAVAILABLE")
                assert waits_s(answer.details()) == 1
            rest = await gateway.rest.get("/api/v1/images/1", headers={"x-api-key": "atl_ada_secret"})
            assert (rest.status_code, rest.headers["retry-after"]) == (503, "1")
    async with run_mesh(tmp_path, call_timeout_s=0.2) as (gateway, _):
        for door in (GRPC, GRPC_WEB):
            slow = replace(door, body=b"\0\0\0\0\x06\x0a\x04slow")
            assert refusal(await slow.ask(gateway.settings.port, [KEY])) == (4, "DEADLINE_EXCEEDED")
