"""Streams of a worker to the plane, against a plane that ends them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import grpc.aio
import pytest

from atelier.models.v1 import model_worker_service_pb2 as messages
from atelier.models.v1 import model_worker_service_pb2_grpc
from atelier_jobs.worker.plane_calls import PlaneCalls
from atelier_service.errors import PermissionDeniedError, UnauthenticatedError, UnavailableError
from atelier_service.interceptors.failures import FailuresInterceptor
from atelier_service.tasks import cancel_and_join

EXPIRED = UnauthenticatedError("TOKEN_EXPIRED", "the token has expired")
REQUEST = messages.WatchModelCommandsRequest(worker_id="worker")


class _Plane(model_worker_service_pb2_grpc.ModelWorkerServiceServicer):
    """Sends `sent` commands on each stream and ends it with `error`; notes when each was opened."""

    def __init__(self, error: Exception, sent: int) -> None:
        self.error = error
        self.sent = sent
        self.opened_s: list[float] = []
        self.fourth = asyncio.Event()

    async def WatchModelCommands(self, request: Any, context: Any) -> AsyncIterator[messages.ModelCommand]:
        self.opened_s.append(asyncio.get_running_loop().time())
        if len(self.opened_s) == 4:
            self.fourth.set()
        for _ in range(self.sent):
            yield messages.ModelCommand(model_id=f"stream-{len(self.opened_s)}")
        raise self.error

    async def ReportModels(self, request: Any, context: Any) -> messages.ReportModelsResponse:
        raise self.error

    async def SignOff(self, request: Any, context: Any) -> messages.SignOffResponse:
        raise self.error


@asynccontextmanager
async def _stub_of(plane: _Plane) -> AsyncIterator[model_worker_service_pb2_grpc.ModelWorkerServiceStub]:
    server = grpc.aio.server(interceptors=[FailuresInterceptor()])
    model_worker_service_pb2_grpc.add_ModelWorkerServiceServicer_to_server(plane, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield model_worker_service_pb2_grpc.ModelWorkerServiceStub(channel)
    await server.stop(None)


async def _first_of(stream: AsyncGenerator[Any, None]) -> Any:
    return await anext(stream)


async def test_a_token_that_is_refused_at_each_opening_is_not_tried_again_without_a_pause() -> None:
    plane = _Plane(EXPIRED, sent=0)
    async with _stub_of(plane) as stub:
        stream = PlaneCalls("image").stream(stub.WatchModelCommands, lambda: REQUEST, broken="broken")
        reading = asyncio.create_task(_first_of(stream))
        async with asyncio.timeout(10):
            await plane.fourth.wait()
        await cancel_and_join(reading)
    # The least pauses after the first three: half of 0.1, 0.2 and 0.4 s.
    assert plane.opened_s[3] - plane.opened_s[0] > 0.3


@pytest.mark.parametrize("error", [EXPIRED, UnavailableError("GONE", "it is gone")], ids=["expired", "unavailable"])
async def test_a_stream_that_ends_is_opened_again(error: Exception) -> None:
    closed: list[bool] = []
    async with _stub_of(_Plane(error, sent=1)) as stub:
        stream = PlaneCalls("image").stream(
            stub.WatchModelCommands, lambda: REQUEST, broken="broken", on_close=lambda: closed.append(True)
        )
        async with asyncio.timeout(10), aclosing(stream) as commands:
            assert [(await anext(commands)).model_id for _ in range(3)] == ["stream-1", "stream-2", "stream-3"]
    assert len(closed) == 3


async def test_a_refused_call_counts_as_a_plane_that_is_unavailable() -> None:
    async with _stub_of(_Plane(PermissionDeniedError("NOT_THIS_WORKER", "another's"), sent=0)) as stub:
        with pytest.raises(UnavailableError) as refused:
            await PlaneCalls("image").call(stub.SignOff, messages.SignOffRequest(worker_id="worker"))
    assert refused.value.reason == "NOT_THIS_WORKER"
