"""The workflow service with a worker that runs small nodes in this process, and images beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
from pydantic import SecretStr

from atelier.image.v1 import image_pb2_grpc
from atelier_image.main import serve as serve_image
from atelier_image.schemas import SCHEMAS as IMAGE_SCHEMAS
from atelier_image.settings import ImageSettings, ImageWorkerSettings
from atelier_image.worker_main import serve as serve_image_worker
from atelier_service.credentials import jwks_from
from atelier_service.migrations.upgrade import upgrade
from atelier_workflow.settings import WorkflowWorkerSettings
from atelier_workflow.worker_main import serve as serve_worker
from tests.service.auth.running_auth import SHARED_SECRET, WORKER_SECRET
from tests.service.part import Part
from tests.service.workflow.execution_nodes import EXECUTION_NODES
from tests.service.workflow.in_process_pool import pools
from tests.service.workflow.workflow_mesh import WorkflowMesh, workflow_mesh
from tests.support.nats import NatsServer
from tests.support.s3 import S3Server, free_ports


@asynccontextmanager
async def working_mesh(
    s3: S3Server, nats: NatsServer, folder: Path, image_port: int = 1, **worker_settings: Any
) -> AsyncIterator[WorkflowMesh]:
    """A mesh whose worker is not started yet. Images are served on `image_port`, if at all."""
    own = {
        "image_address": f"127.0.0.1:{image_port}", "video_address": "127.0.0.1:1", "work_dir": folder / "work",
        "store_patience_s": 20.0,
    }  # fmt: skip
    async with workflow_mesh(
        s3,
        nats,
        folder,
        worker=lambda common, jwks: serve_worker(
            WorkflowWorkerSettings(**common | own | worker_settings), jwks, pools(EXECUTION_NODES)
        ),
        api_settings={"job_peers": f"image=127.0.0.1:{image_port}"} if image_port > 1 else None,
    ) as mesh:
        yield mesh


@asynccontextmanager
async def images_beside(
    s3: S3Server, nats: NatsServer, folder: Path
) -> AsyncIterator[tuple[WorkflowMesh, Part[Any], image_pb2_grpc.ImageServiceStub]]:
    """A mesh with images; yields the worker of images too, which is not started yet."""
    (image_port,) = free_ports(1)
    async with working_mesh(s3, nats, folder, image_port) as mesh:
        common: dict[str, Any] = {
            "auth_address": mesh.auth.address, "storage_address": mesh.storage_address, "shutdown_grace_s": 0.2,
        }  # fmt: skip
        serve = common | {
            "listen": f"127.0.0.1:{image_port}", "nats_url": nats.url, "lease_hold_off_s": 3.0,
            "database_url": f"sqlite:///{folder / 'image.db'}", "service_secret": SecretStr(SHARED_SECRET),
            "job_peers": f"workflow={mesh.api_address}",
        }  # fmt: skip
        work = common | {
            "plane_address": f"127.0.0.1:{image_port}", "service_secret": SecretStr(WORKER_SECRET),
            "listen": "127.0.0.1:0", "worker_id": "image-1", "report_s": 0.5, "lease_s": 3.0, "job_grace_s": 0.1,
        }  # fmt: skip
        await upgrade(serve["database_url"], IMAGE_SCHEMAS)
        jwks = jwks_from(mesh.auth.address)
        api = Part(lambda: serve_image(ImageSettings(**serve), jwks))
        worker = Part(lambda: serve_image_worker(ImageWorkerSettings(**work), jwks))
        await api.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{image_port}") as channel:
                yield mesh, worker, image_pb2_grpc.ImageServiceStub(channel)
        finally:
            await mesh.worker.stop()
            await worker.stop()
            await api.stop()
