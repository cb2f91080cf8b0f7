"""Workers behind the gateway: one address, and nothing else is reached there."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest

from atelier.auth.v1 import auth_pb2, auth_pb2_grpc
from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier.jobs.v1 import job_pb2, worker_service_pb2, worker_service_pb2_grpc
from atelier.storage.v1 import storage_pb2, storage_pb2_grpc
from atelier_gateway.bootstrap import render
from atelier_gateway.envoy_process import envoy_command
from atelier_gateway.settings import GatewaySettings
from tests.gateway.mesh import free_port
from tests.service.image.image_mesh import SMALL, ImageMesh, image_mesh
from tests.support.nats import NatsServer, nats_server
from tests.support.s3 import S3Server, s3_server
from tests.support.wait import eventually

__all__ = ["nats_server", "s3_server"]


@asynccontextmanager
async def gateway_of(mesh: ImageMesh, port: int, folder: Path) -> AsyncIterator[None]:
    """The real Envoy before the services of `mesh`, with its listener for workers on `port`."""
    await asyncio.to_thread(folder.mkdir)
    nowhere = f"127.0.0.1:{free_port()}"
    settings = GatewaySettings(
        access_log=folder / "access.jsonl", auth_address=mesh.auth.address, storage_address=mesh.storage_address,
        image_address=mesh.api_address, video_address=nowhere, workflow_address=nowhere,
        events_address=nowhere, websocket_address=nowhere,
        listen=f"127.0.0.1:{free_port()}", internal_listen=f"127.0.0.1:{free_port()}", admin_port=free_port(),
        worker_listen=f"127.0.0.1:{port}", drain_s=0.1,
    )  # fmt: skip
    await asyncio.to_thread((folder / "envoy.json").write_text, json.dumps(render(settings)))
    process = await asyncio.create_subprocess_exec(*envoy_command(folder / "envoy.json", log=folder / "envoy.log"))
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def mesh_behind_a_gateway(s3: S3Server, nats: NatsServer, folder: Path) -> AsyncIterator[tuple[ImageMesh, str]]:
    """An image service whose worker has the gateway's address alone, and that address."""
    port = free_port()
    one_address = {"plane_address": f"127.0.0.1:{port}", "storage_address": "", "auth_address": ""}
    async with (
        image_mesh(s3, nats, folder, worker_settings=one_address) as mesh,
        gateway_of(mesh, port, folder / "gateway"),
    ):
        yield mesh, f"127.0.0.1:{port}"


@pytest.mark.timeout(300)
async def test_a_worker_with_the_gateways_address_alone_makes_a_picture(
    s3_server: S3Server, nats_server: NatsServer, tmp_path: Path
) -> None:
    async with mesh_behind_a_gateway(s3_server, nats_server, tmp_path) as (mesh, _):
        await mesh.worker.start()
        ada = await mesh.owner("ada")
        made = await ada.made((await ada.generate(**SMALL)).id)
        assert made.state == job_pb2.SUCCEEDED
        assert (await ada.content(made.id))[0].startswith(b"\x89PNG")


async def test_the_listener_of_workers_reaches_nothing_else(
    s3_server: S3Server, nats_server: NatsServer, tmp_path: Path
) -> None:
    async with (
        mesh_behind_a_gateway(s3_server, nats_server, tmp_path) as (mesh, address),
        grpc.aio.insecure_channel(address) as channel,
    ):
        metadata = await mesh.auth.as_user("ada")
        auth, storage = auth_pb2_grpc.AuthServiceStub(channel), storage_pb2_grpc.StorageServiceStub(channel)

        async def up() -> bool:
            try:
                return bool((await auth.GetJwks(auth_pb2.GetJwksRequest(), timeout=2)).keys)
            except grpc.aio.AioRpcError:
                return False

        await eventually(up, timeout_s=30, what="the gateway routes to auth")
        for call in (
            image_pb2_grpc.ImageServiceStub(channel).ListImages(image_pb2.ListImagesRequest(), metadata=metadata),
            storage.ListAssets(storage_pb2.ListAssetsRequest(), metadata=metadata),
            storage.DeleteJobAssets(storage_pb2.DeleteJobAssetsRequest(job_id="j"), metadata=metadata),
            auth.CreateJobToken(auth_pb2.CreateJobTokenRequest(), metadata=metadata),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call
            assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
        workers = worker_service_pb2_grpc.WorkerServiceStub(channel)
        claim = worker_service_pb2.ClaimJobsRequest(worker_id="w", kind="image", lease_s=10, max_jobs=1)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await workers.ClaimJobs(claim, metadata=(*metadata, ("x-atelier-kind", "image")))
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await workers.ClaimJobs(claim, metadata=metadata)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED, "without a kind there is no plane to ask"
