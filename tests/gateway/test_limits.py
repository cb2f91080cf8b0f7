"""Each caller has a bucket of their own."""

import asyncio
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import grpc.aio
import httpx2
import pytest

from atelier.image.v1 import image_pb2, image_pb2_grpc
from tests.gateway.mesh import Upstream, run_mesh
from tests.gateway.services import CONTENT
from tests.support.wait import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


def bearer(upstream: Upstream, subject: str) -> dict[str, str]:
    """Headers of a caller."""
    return {"authorization": f"Bearer {upstream.signer.token(subject)}"}


async def test_only_the_caller_over_its_rate_limit_gets_429(tmp_path: Path) -> None:
    async with run_mesh(tmp_path, requests_per_s=1, request_burst=3) as (gateway, upstream):
        ada, bob = bearer(upstream, "ada"), bearer(upstream, "bob")

        answers = [await gateway.rest.get("/api/v1/images/1", headers=ada) for _ in range(5)]
        refused = answers[-1]

        assert [answer.status_code for answer in answers][:3] == [200, 200, 200]
        assert refused.status_code == 429
        assert refused.json()["code"] == 8
        assert refused.json()["details"][0]["reason"] == "RATE_LIMITED"
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["x-ratelimit-limit"] == "3"
        assert refused.headers["x-ratelimit-remaining"] == "0"
        assert (await gateway.rest.get("/api/v1/images/1", headers=bob)).status_code == 200
        by_key = await gateway.rest.get("/api/v1/images/1", headers={"x-api-key": "atl_ada_secret"})
        assert by_key.status_code == 429

        stub = image_pb2_grpc.ImageServiceStub(gateway.channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.GetImage(image_pb2.GetImageRequest(id="1"), metadata=tuple(ada.items()))
        assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_key_that_is_used_too_often_does_not_trouble_auth(tmp_path: Path) -> None:
    async with run_mesh(tmp_path, requests_per_s=1, request_burst=2) as (gateway, upstream):
        for key, expected in (("atl_ada_secret", {200, 429}), ("atl_ada_wrong", {401, 429}), ("atl_bob_secret", {200})):
            before = upstream.auth.checks
            tries = 1 if len(expected) == 1 else 10
            answers = [await gateway.rest.get("/api/v1/images/1", headers={"x-api-key": key}) for _ in range(tries)]

            assert {answer.status_code for answer in answers} == expected
            refused = [answer for answer in answers if answer.status_code == 429]
            assert all(answer.json()["details"][0]["reason"] == "RATE_LIMITED" for answer in refused)
            assert all(answer.headers["retry-after"] == "1" for answer in refused)
            assert upstream.auth.checks - before == tries - len(refused)


async def test_a_client_cannot_use_the_bucket_of_another(tmp_path: Path) -> None:
    async with run_mesh(tmp_path, requests_per_s=1, request_burst=2) as (gateway, upstream):
        ada = bearer(upstream, "ada")

        answers = [
            await gateway.rest.get("/api/v1/images/1", headers={**ada, "x-atelier-subject": f"other{number}"})
            for number in range(4)
        ]

        assert answers[-1].status_code == 429


async def test_more_connections_than_allowed_are_refused(tmp_path: Path) -> None:
    async with run_mesh(tmp_path, max_connections=2) as (gateway, upstream):
        quiet = "/api/v1/images/quiet/events"
        headers = bearer(upstream, "ada")
        async with (
            gateway.rest.stream("GET", quiet, headers=headers),
            gateway.rest.stream("GET", quiet, headers=headers),
            httpx2.AsyncClient(base_url=gateway.url) as third,
        ):
            with pytest.raises(httpx2.TransportError):
                await third.get("/healthz")


async def test_streams_over_the_limit_of_the_gateway_get_the_time_to_retry(tmp_path: Path) -> None:
    async with run_mesh(tmp_path, max_streams=1) as (gateway, upstream):
        quiet, ada = "/api/v1/images/quiet/events", bearer(upstream, "ada")
        async with gateway.rest.stream("GET", quiet, headers=ada):
            await eventually(lambda: upstream.images.watchers == 1)

            refused = await gateway.rest.get(quiet, headers=ada)

        info, retry = refused.json()["details"]
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert (info["reason"], retry["retry_delay"]) == ("UNAVAILABLE", "1s")


async def test_a_client_that_reads_no_response_stops_no_other(tmp_path: Path) -> None:
    async with run_mesh(tmp_path) as (gateway, upstream), AsyncExitStack() as stack:
        large, ada = "/api/v1/images/large/content", bearer(upstream, "ada")
        for _ in range(6):
            stalled = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.settings.port)))
            stalled.sendall(
                f"GET {large} HTTP/1.1\r\nhost: x\r\nauthorization: {ada['authorization']}\r\n\r\n".encode()
            )
            stalled.setblocking(False)
            assert await asyncio.get_running_loop().sock_recv(stalled, 12) == b"HTTP/1.1 200"

        whole = await gateway.rest.get(large, headers=ada)

        assert len(whole.content) == 320 * len(CONTENT)
