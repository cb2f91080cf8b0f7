"""A worker's connection to the job plane."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc.aio

from atelier.jobs.v1 import worker_service_pb2_grpc
from atelier_jobs.worker.grpc_claims import GrpcClaimStore
from atelier_jobs.worker.plane_stream import PlaneStream
from atelier_service.channel import MAX_MESSAGE_BYTES, TokenSource, open_channel


@dataclass(frozen=True, slots=True)
class PlaneConnection:
    """The plane of one kind of jobs, which may be unavailable and come back.

    Attributes:
        claims: Claims jobs and records their outcomes.
        stream: Sends progress and status, and wakes the worker.
        channel: The channel, for other services of the same process.
    """

    claims: GrpcClaimStore
    stream: PlaneStream
    channel: grpc.aio.Channel


@asynccontextmanager
async def open_plane(
    address: str, *, kind: str, worker_id: str, token: TokenSource, max_message_bytes: int = MAX_MESSAGE_BYTES
) -> AsyncIterator[PlaneConnection]:
    """Opens the connection; nothing is sent before it is used.

    Args:
        address: host:port of the plane, or of the gateway's listener for workers.
        kind: The kind of jobs.
        worker_id: Id of the worker, unique in the mesh.
        token: Returns the worker's own access token.
        max_message_bytes: Messages of more bytes are refused.
    """
    async with open_channel(address, token=token, max_message_bytes=max_message_bytes) as channel:
        stub: Any = worker_service_pb2_grpc.WorkerServiceStub(channel)
        yield PlaneConnection(
            GrpcClaimStore(stub, kind), PlaneStream(stub, kind=kind, worker_id=worker_id), channel
        )  # fmt: skip
