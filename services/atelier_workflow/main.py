"""atelier-workflow: composition of the API process, and its entry point. It does not import torch."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc.aio

from atelier.jobs.v1 import worker_service_pb2_grpc
from atelier.workflow.v1 import execution_pb2_grpc, workflow_pb2_grpc, workflow_worker_service_pb2_grpc
from atelier_artifacts.adapters.result_cache import SqlResultCache
from atelier_artifacts.adapters.storage import open_storage
from atelier_artifacts.adapters.tables import artifact_tables
from atelier_artifacts.domain.garbage_collector import GarbageCollector
from atelier_graph.limits import GraphLimits
from atelier_jobs.api.job_endpoints import job_endpoints
from atelier_jobs.api.job_servicer import add_job_services
from atelier_jobs.domain.job import Job
from atelier_jobs.events.bus_progress import BusProgress
from atelier_jobs.events.factory import EventFactory
from atelier_jobs.messaging.bus import Bus
from atelier_jobs.messaging.work_signals import BusWorkSignals
from atelier_jobs.plane.job_tokens import AuthJobTokens
from atelier_jobs.plane.plane_tasks import plane_tasks
from atelier_jobs.plane.worker_servicer import WorkerServicer
from atelier_jobs.sql.claims import SqlClaimStore
from atelier_jobs.sql.service_database import open_database, process_origin
from atelier_service import process
from atelier_service.channel import open_channel
from atelier_service.credentials import ServiceCredential, jwks_from
from atelier_service.federation import open_peers
from atelier_service.identity import JwksSource, TokenVerifier
from atelier_service.revoked_keys import RevokedKeys
from atelier_service.server import RunningServer, run_server
from atelier_service.service import read_settings, run_service
from atelier_service.url_signing import UrlSigner
from atelier_workflow.adapters.execution_graphs import SqlExecutionGraphs
from atelier_workflow.adapters.node_reports import SqlNodeReports
from atelier_workflow.adapters.shipped_templates import shipped_templates
from atelier_workflow.adapters.tables import SCHEMA
from atelier_workflow.adapters.workflow_store import SqlWorkflowStore
from atelier_workflow.api.execution_messages import content_paths, execution_path
from atelier_workflow.api.execution_servicer import ExecutionServicer, ExecutionStreamServicer
from atelier_workflow.api.worker_servicer import WorkflowWorkerServicer
from atelier_workflow.api.workflow_servicer import WorkflowServicer
from atelier_workflow.domain.execution import WORKFLOW, ExecutionSpec
from atelier_workflow.domain.executions import Executions
from atelier_workflow.domain.graph_rules import GraphRules
from atelier_workflow.domain.node_catalogue import NodeCatalogue
from atelier_workflow.domain.workflows import Workflows
from atelier_workflow.settings import WorkflowSettings

SERVICE = "atelier-workflow"
WORKER_SERVICE = "atelier-workflow-worker"
MAX_MESSAGE_BYTES = 16 << 20
"""A graph of 4 MiB, what is around it, and reports of nodes."""


@asynccontextmanager
async def serve(settings: WorkflowSettings, jwks: JwksSource) -> AsyncIterator[RunningServer]:
    """Serves while the context is open; `jwks` fetches the keys that tokens are verified with.

    Broker, storage and auth may be unavailable: what does not need them is served. Raises ConfigurationError, OSError
    (the port is taken), and what the database raises when it cannot be opened.
    """
    artifact = artifact_tables(WORKFLOW.name)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context

        events = EventFactory(content_paths)
        database = await enter(
            open_database(settings.database_url, artifact.schema, SCHEMA, origin=process_origin(SERVICE))
        )
        bus = await enter(Bus.open(settings.nats_url, name=SERVICE))
        credential = ServiceCredential(settings.auth_address, SERVICE, settings.service_secret)
        stack.push_async_callback(credential.close)
        storage = await enter(open_storage(settings.storage_address, credential))
        urls = UrlSigner(await enter(open_channel(settings.auth_address)))
        peers = await enter(open_peers(settings.peer_addresses, credential.of_caller))
        auth = await enter(open_channel(settings.auth_address, token=credential.token))

        jobs = job_endpoints(WORKFLOW, settings, database, bus, events, peers, execution_path, are_parents=True)
        cache = SqlResultCache(database, artifact)
        reports, graphs = SqlNodeReports(database), SqlExecutionGraphs(database)
        catalogue = NodeCatalogue(reports)
        rules = GraphRules(catalogue, GraphLimits(nodes=settings.max_graph_nodes))
        workflows = Workflows(
            SqlWorkflowStore(database), rules, shipped_templates(), most_of_one_owner=settings.max_workflows_per_owner
        )
        executions = Executions(jobs.jobs, graphs, workflows, rules, storage)

        claims = SqlClaimStore(database, cache.on_success)
        signals = BusWorkSignals(bus, WORKFLOW.name, database.wake_ups)
        workers = WorkerServicer(
            WORKFLOW.name, WORKER_SERVICE, claims, claims, signals, BusProgress(bus, events),
            AuthJobTokens(auth, _assets_of, are_parents=True), bus,
        )  # fmt: skip

        def register(server: grpc.aio.Server) -> None:
            execution_pb2_grpc.add_ExecutionServiceServicer_to_server(
                ExecutionServicer(jobs.api, executions, jobs.streams, urls), server
            )
            execution_pb2_grpc.add_ExecutionStreamServiceServicer_to_server(
                ExecutionStreamServicer(jobs.streams), server
            )
            workflow_pb2_grpc.add_WorkflowServiceServicer_to_server(WorkflowServicer(workflows, catalogue), server)
            add_job_services(jobs.directory, urls, server)
            worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(workers, server)
            workflow_worker_service_pb2_grpc.add_WorkflowWorkerServiceServicer_to_server(
                WorkflowWorkerServicer(WORKER_SERVICE, reports, graphs), server
            )

        collector = GarbageCollector(cache, storage)

        async def collect(job_id: str) -> None:
            await collector.collect(job_id)
            await graphs.delete_unused(job_id)

        revoked = RevokedKeys()
        await enter(
            process.background(
                *plane_tasks(
                    database,
                    bus,
                    events,
                    WORKFLOW.name,
                    collect=collect,
                    queue_status_s=settings.queue_status_s,
                    hold_off_s=settings.lease_hold_off_s,
                ),
                workers.run(),
                revoked.run(settings.auth_address),
            )
        )
        yield await enter(
            run_server(
                settings,
                register=register,
                verifier=TokenVerifier(jwks),
                revoked=revoked,
                max_message_bytes=MAX_MESSAGE_BYTES,
            )
        )


def _assets_of(job: Job) -> tuple[str, ...]:
    return ExecutionSpec.from_bytes(job.spec).asset_ids


def main() -> None:
    """Entry point of `atelier-workflow`."""
    settings = read_settings(WorkflowSettings, SERVICE)
    run_service(settings, SERVICE, lambda: serve(settings, jwks_from(settings.auth_address)))


if __name__ == "__main__":
    main()
