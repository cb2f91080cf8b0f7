"""atelier-workflow-worker: composition of the worker process, and its entry point. It does not import torch."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import asdict

from atelier_artifacts.adapters.storage import JobStorage
from atelier_artifacts.worker.asset_files import AssetFiles
from atelier_diffusion.policy.model_card import ModelCard
from atelier_jobs.domain.job import Job
from atelier_jobs.worker.attempt import Attempt
from atelier_jobs.worker.plane_connection import open_plane
from atelier_jobs.worker.worker import Capacity, Worker, WorkerOptions
from atelier_nodes.mesh import ModelInfo
from atelier_nodes.pool.host_pool import open_pool
from atelier_nodes.pool.options import PoolOptions
from atelier_service import process
from atelier_service.channel import open_channel
from atelier_service.credentials import ServiceCredential, jwks_from
from atelier_service.identity import JwksSource, TokenVerifier
from atelier_service.server import RunningServer, run_server
from atelier_service.service import read_settings, run_service
from atelier_workflow.domain.execution import WORKFLOW
from atelier_workflow.settings import WorkflowWorkerSettings
from atelier_workflow.worker.execution_folders import ExecutionFolders, open_folders
from atelier_workflow.worker.graph_handler import GraphHandler
from atelier_workflow.worker.graph_pool import GraphPool
from atelier_workflow.worker.mesh_jobs import MeshChannels, MeshJobs
from atelier_workflow.worker.node_reporting import NodeReporting

SERVICE = "atelier-workflow-worker"
_MAX_MESSAGE_BYTES = 16 << 20

Pools = Callable[[PoolOptions], AbstractAsyncContextManager[GraphPool]]
"""Opens the pool of hosts."""


@asynccontextmanager
async def serve(
    settings: WorkflowWorkerSettings, jwks: JwksSource, pools: Pools = open_pool
) -> AsyncIterator[RunningServer]:
    """Runs executions while the context is open; the server that it yields serves grpc.health.v1.

    At the end, running executions have `job_grace_s` to end and are then released; their child jobs continue. The plane
    and the services that nodes call may be unavailable, also at the start. Raises ConfigurationError.
    """
    models = tuple(_model_info(card) for card in settings.cards())
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context

        folders = await enter(open_folders(settings.work_dir, settings.worker_id))
        credential = ServiceCredential(settings.auth_address, SERVICE, settings.service_secret)
        stack.push_async_callback(credential.close)
        plane = await enter(
            open_plane(
                settings.plane_address, kind=WORKFLOW.name, worker_id=settings.worker_id, token=credential.token,
                max_message_bytes=_MAX_MESSAGE_BYTES,
            )
        )  # fmt: skip
        storage = await enter(open_channel(settings.storage_address, token=credential.token))
        images = await enter(open_channel(settings.image_address, token=credential.token))
        videos = await enter(open_channel(settings.video_address, token=credential.token))

        pool = await enter(pools(_pool_options(settings, folders, models)))
        files = AssetFiles(JobStorage(storage), settings.store_patience_s)
        channels = MeshChannels(images, videos)
        reporting = NodeReporting(plane, settings.worker_id, every_s=settings.report_s)

        def mesh_of(job: Job, attempt: Attempt) -> MeshJobs:
            return MeshJobs(job, attempt, channels, files, models, patience_s=settings.store_patience_s)

        handler = GraphHandler(
            pool, reporting.graph_of, mesh_of, files, folders, time_limit_s=settings.execution_timeout_s
        )
        options = WorkerOptions(
            kind=WORKFLOW.name, worker_id=settings.worker_id, lease_s=settings.lease_s, grace_s=settings.job_grace_s
        )

        def capacity() -> Capacity:
            return Capacity(jobs=settings.slots if reporting.ready else 0)

        worker = Worker(plane.claims, plane.stream, plane.stream, handler, options, capacity)

        await enter(process.background(reporting.run(pool, lambda: handler.oldest)))
        await enter(process.stoppable(worker.run))
        yield await enter(run_server(settings, register=lambda _: None, verifier=TokenVerifier(jwks)))


def _pool_options(
    settings: WorkflowWorkerSettings, folders: ExecutionFolders, models: tuple[ModelInfo, ...]
) -> PoolOptions:
    return PoolOptions(
        folders=folders.idle,
        root=folders.root,
        hosts=settings.hosts,
        cache=settings.host_cache,
        pack_folders=settings.pack_folders,
        memory_bytes=settings.host_memory_bytes or None,
        models=models,
        limits={"nodes": settings.max_graph_nodes},
    )


def _model_info(card: ModelCard) -> ModelInfo:
    return ModelInfo(card.id, card.kind, card.display_name, asdict(card.defaults))


def main() -> None:
    """Entry point of `atelier-workflow-worker`."""
    settings = read_settings(WorkflowWorkerSettings, SERVICE)
    run_service(settings, SERVICE, lambda: serve(settings, jwks_from(settings.auth_address)))


if __name__ == "__main__":
    main()
