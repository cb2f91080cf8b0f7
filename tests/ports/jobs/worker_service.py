"""The plane's WorkerService in this process, over real gRPC, and a worker's side of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc.aio

from atelier.jobs.v1 import worker_service_pb2_grpc
from atelier_jobs.domain.claims import WorkSignals
from atelier_jobs.domain.job import Job
from atelier_jobs.events.bus_progress import BusProgress
from atelier_jobs.messaging.bus import Bus
from atelier_jobs.messaging.work_signals import BusWorkSignals
from atelier_jobs.plane.worker_servicer import WorkerServicer
from atelier_jobs.sql.claims import SqlClaimStore
from atelier_service.server import run_server
from atelier_service.settings import ServiceSettings
from tests.ports.jobs.plane import Plane
from tests.support.tokens import TestSigner

SIGNER = TestSigner()
WORKER_SERVICE = "atelier-image-worker"
LIFETIME_S = 86_400  # of tokens that are signed when a module is imported: longer than any run of the tests
WORKER = SIGNER.metadata(f"service:{WORKER_SERVICE}", roles=("worker",), lifetime_s=LIFETIME_S)


class CountedTokens:
    """JobTokens that say what they are for, and how many were made; none while `available` is False."""

    def __init__(self) -> None:
        self.made = 0
        self.available = True

    async def mint(self, job: Job, *, worker: str, lease_s: float) -> str:
        """See JobTokens.mint."""
        if not self.available:
            return ""
        self.made += 1
        return f"{worker} {job.owner} {job.id} {job.epoch} {lease_s:g} s, number {self.made}"


class Bearer(grpc.aio.UnaryUnaryClientInterceptor):
    """Sends a worker's token with each call."""

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        metadata = grpc.aio.Metadata(*(client_call_details.metadata or ()), *WORKER)
        return await continuation(client_call_details._replace(metadata=metadata), request)


class StreamBearer(grpc.aio.StreamStreamClientInterceptor):
    """The same for streams."""

    async def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        metadata = grpc.aio.Metadata(*(client_call_details.metadata or ()), *WORKER)
        return await continuation(client_call_details._replace(metadata=metadata), request_iterator)


@dataclass(frozen=True)
class WorkerService:
    """A running service. `stub` calls it as a worker, `stranger` without any token."""

    address: str
    stub: Any
    stranger: Any
    tokens: CountedTokens
    servicer: WorkerServicer


@asynccontextmanager
async def worker_service(
    plane: Plane, bus: Bus | None = None, *, kind: str = "image", listen: str = "127.0.0.1:0"
) -> AsyncIterator[WorkerService]:
    """Serves the plane's jobs of one kind. Without `bus` nothing is published, and nobody is woken."""
    bus, tokens = bus or Bus(), CountedTokens()
    claims = SqlClaimStore(plane.database)
    signals: WorkSignals = BusWorkSignals(bus, kind, plane.database.wake_ups)
    servicer = WorkerServicer(
        kind, WORKER_SERVICE, claims, claims, signals, BusProgress(bus, plane.events), tokens, bus
    )  # fmt: skip

    def register(server: grpc.aio.Server) -> None:
        worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(servicer, server)

    settings = ServiceSettings(listen=listen, shutdown_grace_s=0)
    async with (
        run_server(settings, register=register, verifier=SIGNER.verifier()) as server,
        grpc.aio.insecure_channel(server.address, interceptors=[Bearer(), StreamBearer()]) as channel,
        grpc.aio.insecure_channel(server.address) as strangers,
    ):
        stub, stranger = (worker_service_pb2_grpc.WorkerServiceStub(each) for each in (channel, strangers))
        yield WorkerService(server.address, stub, stranger, tokens, servicer)
