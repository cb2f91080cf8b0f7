"""Starts the servers and the real Envoy in front of them."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import httpx2
import websockets
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from atelier.auth.v1.auth_pb2_grpc import add_AuthServiceServicer_to_server
from atelier.events.v1.events_pb2_grpc import (
    JobEventServiceServicer,
    JobEventStreamServiceServicer,
    add_EventServiceServicer_to_server,
    add_EventStreamServiceServicer_to_server,
    add_JobEventServiceServicer_to_server,
    add_JobEventStreamServiceServicer_to_server,
    add_SystemServiceServicer_to_server,
)
from atelier.image.v1.image_pb2_grpc import (
    add_ImageServiceServicer_to_server,
    add_ImageStreamServiceServicer_to_server,
)
from atelier.jobs.v1.job_service_pb2_grpc import JobServiceServicer, add_JobServiceServicer_to_server
from atelier.models.v1 import model_service_pb2_grpc
from atelier.storage.v1.storage_pb2_grpc import add_StorageServiceServicer_to_server
from atelier.video.v1.video_pb2_grpc import (
    VideoModelServiceServicer,
    add_VideoModelServiceServicer_to_server,
    add_VideoServiceServicer_to_server,
    add_VideoStreamServiceServicer_to_server,
)
from atelier_envoy_api.service.auth.v3.external_auth_pb2_grpc import add_AuthorizationServicer_to_server
from atelier_gateway.bootstrap import render
from atelier_gateway.envoy_process import envoy_command
from atelier_gateway.settings import GatewaySettings
from atelier_service.server import SERVER_OPTIONS
from tests.documented import check_status
from tests.gateway.services import (
    Auth,
    Called,
    Events,
    EventStreams,
    Images,
    ImageStreams,
    Storage,
    System,
    Videos,
    VideoStreams,
)
from tests.support.tokens import TestSigner
from tests.support.wait import eventually


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Upstream:
    """The services, on one gRPC port and one for WebSockets."""

    signer: TestSigner
    called: Called
    images: Images
    videos: Videos
    storage: Storage
    auth: Auth
    port: int
    websocket_port: int


async def _echo(connection: websockets.ServerConnection) -> None:
    """Tells who it is as the services see it, then repeats what it hears."""
    assert connection.request is not None
    headers = connection.request.headers
    await connection.send(json.dumps({"path": connection.request.path, **dict(headers.raw_items())}))
    async for message in connection:
        await connection.send(message)


@asynccontextmanager
async def serve(signer: TestSigner, port: int = 0) -> AsyncIterator[Upstream]:
    """The services, serving."""
    called = Called()
    server = grpc.aio.server(interceptors=[called], options=SERVER_OPTIONS)
    images, videos = Images(), Videos()  # type: ignore[abstract]  # the rest is not asked
    storage, auth = Storage(), Auth(signer)  # type: ignore[abstract]
    add_ImageServiceServicer_to_server(images, server)
    add_ImageStreamServiceServicer_to_server(ImageStreams(images), server)
    add_VideoServiceServicer_to_server(videos, server)
    add_VideoStreamServiceServicer_to_server(VideoStreams(videos), server)
    add_VideoModelServiceServicer_to_server(VideoModelServiceServicer(), server)  # type: ignore[abstract]
    add_JobServiceServicer_to_server(JobServiceServicer(), server)  # type: ignore[abstract]
    add_JobEventServiceServicer_to_server(JobEventServiceServicer(), server)  # type: ignore[abstract]
    add_JobEventStreamServiceServicer_to_server(JobEventStreamServiceServicer(), server)  # type: ignore[abstract]
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(
        model_service_pb2_grpc.ModelServiceServicer(),  # type: ignore[abstract]
        server,
    )
    add_StorageServiceServicer_to_server(storage, server)
    add_AuthServiceServicer_to_server(auth, server)
    add_AuthorizationServicer_to_server(auth, server)
    add_SystemServiceServicer_to_server(System(), server)
    add_EventServiceServicer_to_server(Events(), server)
    add_EventStreamServiceServicer_to_server(EventStreams(), server)
    checks = health.HealthServicer()
    await checks.set("", health_pb2.HealthCheckResponse.SERVING)
    add_HealthServicer_to_server(checks, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        async with websockets.serve(_echo, "127.0.0.1", 0) as sockets:
            websocket_port = next(iter(sockets.sockets)).getsockname()[1]
            yield Upstream(signer, called, images, videos, storage, auth, port, websocket_port)
    finally:
        images.release.set()
        videos.release.set()
        await server.stop(0.2)


@dataclass(frozen=True)
class Gateway:
    """A running Envoy."""

    settings: GatewaySettings
    process: asyncio.subprocess.Process
    rest: httpx2.AsyncClient
    channel: grpc.aio.Channel

    @property
    def url(self) -> str:
        """Where REST is."""
        return f"http://127.0.0.1:{self.settings.port}"

    def access_log(self) -> list[dict[str, object]]:
        """What was logged so far."""
        return [json.loads(line) for line in self.settings.access_log.read_text().splitlines()]


def settings_for(upstream: Upstream, folder: Path) -> GatewaySettings:
    """Settings with free ports, before the services of `upstream`."""
    address = f"127.0.0.1:{upstream.port}"
    return GatewaySettings(
        access_log=folder / "access.jsonl",
        auth_address=address, storage_address=address, image_address=address, video_address=address,
        workflow_address=address,
        events_address=address, websocket_address=f"127.0.0.1:{upstream.websocket_port}",
        listen=f"127.0.0.1:{free_port()}", internal_listen=f"127.0.0.1:{free_port()}", admin_port=free_port(),
    )  # fmt: skip


async def _answers(url: str) -> bool:
    async with httpx2.AsyncClient(timeout=1) as client:
        try:
            await client.get(url)
        except httpx2.TransportError:
            return False
    return True


@asynccontextmanager
async def run_envoy(settings: GatewaySettings, folder: Path) -> AsyncIterator[Gateway]:
    """Envoy, listening; its services may not be there."""
    configuration = folder / f"envoy-{settings.port}.json"
    configuration.write_text(json.dumps(render(settings)))
    log = folder / f"envoy-{settings.port}.log"
    async with AsyncExitStack() as stack:
        process = await asyncio.create_subprocess_exec(*envoy_command(configuration, log=log, concurrency=1))

        async def stop() -> None:
            if process.returncode is None:
                process.terminate()
            await process.wait()

        stack.push_async_callback(stop)
        base = f"http://127.0.0.1:{settings.port}"
        await eventually(lambda: process.returncode is not None or _answers(f"{base}/healthz"), 20, "envoy listens")
        assert process.returncode is None, log.read_text()[-2000:]
        hooks = {"response": [check_status]}
        rest = await stack.enter_async_context(httpx2.AsyncClient(base_url=base, timeout=20, event_hooks=hooks))
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{settings.port}")
        stack.push_async_callback(channel.close)
        yield Gateway(settings, process, rest, channel)


async def is_healthy(gateway: Gateway) -> bool:
    """True when `/healthz` says so."""
    return (await gateway.rest.get("/healthz")).status_code == 200


async def knows_keys(gateway: Gateway, signer: TestSigner) -> bool:
    """True when tokens of `signer` are accepted."""
    headers = {"authorization": f"Bearer {signer.token('probe')}"}
    return (await gateway.rest.get("/api/v1/system/status", headers=headers)).status_code == 200


@asynccontextmanager
async def run_mesh(folder: Path, **changes: object) -> AsyncIterator[tuple[Gateway, Upstream]]:
    """The services behind an Envoy whose settings are changed by `changes`; ready."""
    async with serve(TestSigner()) as upstream:
        settings = settings_for(upstream, folder).model_copy(update=changes)
        async with run_envoy(settings, folder) as gateway:
            await eventually(lambda: is_healthy(gateway), 20, "/healthz says 200")
            await eventually(lambda: knows_keys(gateway, upstream.signer), 20, "tokens are accepted")
            yield gateway, upstream
