"""What callers see while parts of the mesh are down, late or changing."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import grpc.aio
import pytest

from atelier.image.v1 import image_pb2, image_pb2_grpc
from tests.gateway.mesh import Gateway, free_port, is_healthy, knows_keys, run_envoy, run_mesh, serve, settings_for
from tests.support.tokens import TestSigner
from tests.support.wait import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


def bearer(signer: TestSigner) -> dict[str, str]:
    """Headers of a caller."""
    return {"authorization": f"Bearer {signer.token()}"}


async def status(gateway: Gateway, headers: dict[str, str]) -> int:
    """Of a simple call."""
    return (await gateway.rest.get("/api/v1/images/1", headers=headers)).status_code


async def test_envoy_may_start_before_auth_and_knows_its_keys_soon_after(tmp_path: Path) -> None:
    signer, port = TestSigner(), free_port()
    async with serve(signer) as somewhere_else:
        settings = settings_for(somewhere_else, tmp_path).model_copy(update={"auth_address": f"127.0.0.1:{port}"})
        async with run_envoy(settings, tmp_path) as gateway:
            early = await gateway.rest.get("/api/v1/images/1", headers=bearer(signer))
            stub = image_pb2_grpc.ImageServiceStub(gateway.channel)
            with pytest.raises(grpc.aio.AioRpcError) as early_grpc:
                await stub.GetImage(image_pb2.GetImageRequest(id="1"), metadata=tuple(bearer(signer).items()))
            early_key = await gateway.rest.get("/api/v1/images/1", headers={"x-api-key": "atl_ada_secret"})
            healthy_early = await is_healthy(gateway)
            async with serve(signer, port):

                async def accepted() -> bool:
                    return await status(gateway, bearer(signer)) == 200

                await eventually(accepted, 5, "the keys are fetched")
                await eventually(lambda: is_healthy(gateway), 5, "auth is SERVING")

    assert early.status_code == 503
    assert early.json()["details"][0]["reason"] == "UNAVAILABLE"
    assert early_grpc.value.code() == grpc.StatusCode.UNAVAILABLE
    assert early_key.status_code == 503
    assert not healthy_early


async def test_without_auth_keys_are_503_and_tokens_still_work(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        signer = TestSigner()
        services = await stack.enter_async_context(serve(signer))
        auth_only = AsyncExitStack()
        auth = await auth_only.enter_async_context(serve(signer))
        settings = settings_for(services, tmp_path).model_copy(update={"auth_address": f"127.0.0.1:{auth.port}"})
        gateway = await stack.enter_async_context(run_envoy(settings, tmp_path))
        await eventually(lambda: is_healthy(gateway), 10)
        await eventually(lambda: knows_keys(gateway, signer), 10)
        await auth_only.aclose()

        by_key = await gateway.rest.get("/api/v1/images/1", headers={"x-api-key": "atl_ada_secret"})
        stub = image_pb2_grpc.ImageServiceStub(gateway.channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.GetImage(image_pb2.GetImageRequest(id="1"), metadata=(("x-api-key", "atl_ada_secret"),))

        assert by_key.status_code == 503
        assert by_key.json()["details"][0]["reason"] == "UNAVAILABLE"
        assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
        assert await status(gateway, bearer(signer)) == 200


async def test_a_new_signing_key_is_known_after_the_cache_time(tmp_path: Path) -> None:
    async with run_mesh(tmp_path, jwks_cache_s=1) as (gateway, upstream):
        replacement = TestSigner("next-key")
        assert await status(gateway, bearer(replacement)) == 401

        upstream.auth.signer = replacement

        async def accepted() -> bool:
            return await status(gateway, bearer(replacement)) == 200

        await eventually(accepted, 10, "the new key is fetched")


async def test_a_service_that_is_down_is_503_without_internals_and_back_at_once(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        signer = TestSigner()
        others = await stack.enter_async_context(serve(signer))
        port = free_port()
        settings = settings_for(others, tmp_path).model_copy(update={"image_address": f"127.0.0.1:{port}"})
        gateway = await stack.enter_async_context(run_envoy(settings, tmp_path))
        await eventually(lambda: knows_keys(gateway, signer), 10)

        down = await gateway.rest.get("/api/v1/images/1", headers=bearer(signer))
        watching = await gateway.rest.get("/api/v1/images/1/events", headers=bearer(signer))
        stub = image_pb2_grpc.ImageServiceStub(gateway.channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.GetImage(image_pb2.GetImageRequest(id="1"), metadata=tuple(bearer(signer).items()))
        not_ready = await gateway.rest.get("/healthz")
        async with serve(signer, port):
            assert await status(gateway, bearer(signer)) == 200
            await eventually(lambda: is_healthy(gateway), 5)

    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    assert raised.value.details() == "the service is unavailable; try again"
    for answer in (down, watching):
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["message"] == "the service is unavailable; try again"
        assert answer.json()["details"][0]["reason"] == "UNAVAILABLE"
    assert not_ready.status_code == 503


async def test_a_stream_that_is_idle_for_too_long_is_closed(tmp_path: Path) -> None:
    async with (
        run_mesh(tmp_path, idle_timeout_s=1) as (gateway, upstream),
        gateway.rest.stream("GET", "/api/v1/images/quiet/events", headers=bearer(upstream.signer)) as answer,
    ):
        assert answer.status_code == 200
        await eventually(lambda: upstream.images.watchers == 1)
        await eventually(lambda: upstream.images.watchers == 0, 5, "the handler is cancelled")


async def test_what_may_last_is_not_cut_off_when_a_call_is(tmp_path: Path) -> None:
    async with run_mesh(tmp_path, call_timeout_s=0.3) as (gateway, upstream), asyncio.TaskGroup() as group:
        headers, videos = bearer(upstream.signer), upstream.videos
        lasting = [
            group.create_task(gateway.rest.get(f"/api/v1/videos/slow/{what}", headers=headers))
            for what in ("content", "frames/0", "events")
        ]
        submit = gateway.rest.post("/api/v1/videos/generate", headers=headers, json={"prompt": "slow"})
        lasting.append(group.create_task(submit))
        await eventually(lambda: videos.waiting == len(lasting))

        # It began last, and is cut off: the others are over that time too.
        cut_off = await gateway.rest.get("/api/v1/videos/slow", headers=headers)
        videos.release.set()

    assert cut_off.status_code == 504
    assert [(await one).status_code for one in lasting] == [200, 200, 200, 202]


async def test_a_call_that_takes_too_long_is_504(tmp_path: Path) -> None:
    async with run_mesh(tmp_path, call_timeout_s=0.2) as (gateway, upstream):
        answer = await gateway.rest.get("/api/v1/images/slow", headers=bearer(upstream.signer))

        assert answer.status_code == 504
        assert answer.json()["details"][0]["reason"] == "DEADLINE_EXCEEDED"
