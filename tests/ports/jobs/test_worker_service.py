"""WorkerService: who may call it, what a lost reply or a broken stream costs, and what passes through the stream."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import grpc.aio
import pytest

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_pb2, worker_service_pb2, worker_service_pb2_grpc
from atelier_jobs.domain.claims import Claim, ClaimRequest
from atelier_jobs.domain.job import Failure
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.domain.states import State
from atelier_jobs.messaging.bus import Bus
from atelier_jobs.wire.claim_messages import job_claim_message
from atelier_jobs.worker.grpc_claims import GrpcClaimStore
from atelier_jobs.worker.plane_stream import PlaneStream
from atelier_service.channel import open_channel
from atelier_service.errors import UnavailableError
from tests.ports.jobs.mesh import steps_done
from tests.ports.jobs.plane import Plane
from tests.ports.jobs.worker_service import LIFETIME_S, SIGNER, WORKER, WorkerService, worker_service
from tests.support.nats import NatsServer
from tests.support.s3 import free_ports
from tests.support.wait import eventually


def said(**message: Any) -> worker_service_pb2.ConnectRequest:
    """What a worker says on its stream."""
    return worker_service_pb2.ConnectRequest(**message)


REQUEST = ClaimRequest(kind="image", worker_id="w1", lease_s=30, max_jobs=1)
CLAIM = worker_service_pb2.JobClaim(job_id="job", epoch=1)
HELD = worker_service_pb2.HeldJob(claim=CLAIM, worker_id="w1")

# Every call of a worker, for a job that is not there.
CALLS: dict[str, Any] = {
    "ClaimJobs": worker_service_pb2.ClaimJobsRequest(worker_id="w1", kind="image", lease_s=30, max_jobs=1),
    "RenewLease": worker_service_pb2.RenewLeaseRequest(job=HELD, lease_s=30),
    "SavePartialResult": worker_service_pb2.SavePartialResultRequest(job=HELD),
    "CompleteJob": worker_service_pb2.CompleteJobRequest(job=HELD),
    "FailJob": worker_service_pb2.FailJobRequest(job=HELD, failure=job_pb2.Failure(reason="BROKEN")),
    "ReleaseJob": worker_service_pb2.ReleaseJobRequest(job=HELD),
    "FinishCancel": worker_service_pb2.FinishCancelRequest(job=HELD),
    "DiscardResult": worker_service_pb2.DiscardResultRequest(job=HELD),
}


def _signed(subject: str, **claims: Any) -> tuple[tuple[str, str], ...]:
    return SIGNER.metadata(subject, lifetime_s=LIFETIME_S, **claims)


STRANGERS: dict[str, tuple[tuple[tuple[str, str], ...], grpc.StatusCode]] = {
    "nobody": ((), grpc.StatusCode.UNAUTHENTICATED),
    "a user": (_signed("ada"), grpc.StatusCode.PERMISSION_DENIED),
    "an administrator": (_signed("root", roles=("user", "admin")), grpc.StatusCode.PERMISSION_DENIED),
    "a service": (_signed("service:atelier-image", roles=("service",)), grpc.StatusCode.PERMISSION_DENIED),
    "a worker of another kind": (
        _signed("service:atelier-video-worker", roles=("worker",)), grpc.StatusCode.PERMISSION_DENIED,
    ),
    "the token of a job": (
        _signed(
            "ada", act={"sub": "service:atelier-image-worker"},
            job={"kind": "image", "id": "job", "epoch": 1, "assets": []},
        ),
        grpc.StatusCode.PERMISSION_DENIED,
    ),
}  # fmt: skip


@pytest.fixture
async def service(plane: Plane) -> AsyncIterator[WorkerService]:
    """The service over the plane of the test, without a broker."""
    async with worker_service(plane) as running:
        yield running


@pytest.mark.parametrize("who", STRANGERS)
async def test_only_workers_of_this_kind_may_call(service: WorkerService, who: str) -> None:
    metadata, code = STRANGERS[who]
    for name, request in CALLS.items():
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await getattr(service.stranger, name)(request, metadata=metadata)
        assert refused.value.code() is code, name
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await connected(service.stranger, hello(), metadata=metadata)
    assert refused.value.code() is code


async def test_a_worker_may_call_everything(service: WorkerService) -> None:
    for name, request in CALLS.items():
        await getattr(service.stranger, name)(request, metadata=WORKER)


async def test_a_claim_of_another_kind_is_refused(service: WorkerService) -> None:
    request = worker_service_pb2.ClaimJobsRequest(worker_id="w1", kind="video", lease_s=30, max_jobs=1)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.stub.ClaimJobs(request)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


ENDS: dict[str, Callable[[GrpcClaimStore, Claim], Awaitable[bool]]] = {
    "complete": lambda store, claim: store.complete(claim, Outcome(b"stolen")),
    "fail": lambda store, claim: store.fail(claim, Failure("BROKEN", "It broke.")),
    "release": lambda store, claim: store.release(claim),
    "save_partial": lambda store, claim: store.save_partial(claim, b"stolen"),
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_worker_writes_nothing_under_the_claim_of_another_one(
    plane: Plane, service: WorkerService, end: str
) -> None:
    claim = await plane.claim(await plane.submit(), worker="w1")
    stolen = claimed_as(claim, "w2")
    store = GrpcClaimStore(service.stub, "image")
    assert not await ENDS[end](store, stolen)
    assert not (await store.renew(stolen)).mine
    assert (await plane.again(claim.job)).state is State.RUNNING
    assert await ENDS[end](store, claim)


async def test_a_claim_brings_a_token_for_that_job_and_each_renewal_another_one(
    plane: Plane, service: WorkerService
) -> None:
    job = await plane.submit()
    store = GrpcClaimStore(service.stub, "image")
    [claim] = await store.claim(REQUEST)
    assert claim.token == f"atelier-image-worker ada {job.id} 1 30 s, number 1"
    assert (await store.renew(claim)).token == f"atelier-image-worker ada {job.id} 1 30 s, number 2"


async def test_a_claim_that_holds_no_more_brings_no_token(plane: Plane, service: WorkerService) -> None:
    store = GrpcClaimStore(service.stub, "image")
    await plane.submit()
    [claim] = await store.claim(REQUEST)
    await store.release(claim)
    renewal = await store.renew(claim)
    assert (renewal.mine, renewal.token) == (False, "")


async def test_while_auth_is_unavailable_jobs_are_claimed_and_the_token_comes_with_a_renewal(
    plane: Plane, service: WorkerService
) -> None:
    service.tokens.available = False
    await plane.submit()
    store = GrpcClaimStore(service.stub, "image")
    [claim] = await store.claim(REQUEST)
    assert claim.token == ""
    service.tokens.available = True
    assert (await store.renew(claim)).token


async def test_a_plane_that_was_started_again_knows_the_claims_of_before(plane: Plane) -> None:
    await plane.submit()
    async with worker_service(plane) as before:
        [claim] = await GrpcClaimStore(before.stub, "image").claim(REQUEST)
    async with worker_service(plane) as after:
        store = GrpcClaimStore(after.stub, "image")
        renewal = await store.renew(claim)
        assert (renewal.mine, bool(renewal.token)) == (True, True)
        assert await store.complete(claim, Outcome(b"result"))


class LosesReplies:
    """A stub whose next call of a method is served, and whose reply is lost."""

    def __init__(self, stub: Any, *lost: str) -> None:
        self._stub = stub
        self._lost = list(lost)

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._stub, name)
        if name not in self._lost:
            return call
        self._lost.remove(name)

        async def lost(request: Any, **how: Any) -> None:
            await call(request, **how)
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())

        return lost


async def test_jobs_whose_claim_got_no_reply_are_claimed_again_under_the_same_claim(
    plane: Plane, service: WorkerService
) -> None:
    first, second = await plane.submit(), await plane.submit()
    store = GrpcClaimStore(LosesReplies(service.stub, "ClaimJobs"), "image")
    with pytest.raises(UnavailableError):
        await store.claim(REQUEST)
    [claim] = await store.claim(REQUEST)
    assert (claim.job.id, claim.epoch) == (first.id, 1)
    [following] = await store.claim(REQUEST)
    assert following.job.id == second.id
    assert await store.claim(REQUEST) == []


async def test_a_job_that_the_worker_runs_is_not_claimed_again_after_a_lost_reply(
    plane: Plane, service: WorkerService
) -> None:
    first, second = await plane.submit(), await plane.submit()
    losing = LosesReplies(service.stub)
    store = GrpcClaimStore(losing, "image")
    [running] = await store.claim(REQUEST)
    losing._lost.append("ClaimJobs")
    with pytest.raises(UnavailableError):
        await store.claim(REQUEST)
    [claim] = await store.claim(REQUEST)
    assert [running.job.id, claim.job.id] == [first.id, second.id]


async def test_a_success_whose_reply_was_lost_is_recorded_once(plane: Plane, service: WorkerService) -> None:
    job = await plane.submit()
    store = GrpcClaimStore(LosesReplies(service.stub, "CompleteJob"), "image")
    [claim] = await store.claim(REQUEST)
    with pytest.raises(UnavailableError):
        await store.complete(claim, Outcome(b"result"))
    assert await store.complete(claim, Outcome(b"result"))
    assert await plane.states(job) == [State.QUEUED, State.RUNNING, State.SUCCEEDED]


async def test_a_worker_that_claims_and_never_renews_loses_its_job(plane: Plane, service: WorkerService) -> None:
    await plane.submit()
    store = GrpcClaimStore(service.stub, "image")
    [claim] = await store.claim(ClaimRequest(kind="image", worker_id="w1", lease_s=0.05, max_jobs=1))
    await eventually(plane.reap)
    assert not (await store.renew(claim)).mine
    assert not await store.complete(claim, Outcome(b"late"))
    [heir] = await store.claim(REQUEST)
    assert heir.epoch == claim.epoch + 1


GARBAGE: dict[str, list[worker_service_pb2.ConnectRequest]] = {
    "no hello": [said(condition={"device": "cpu"})],
    "nothing": [said()],
    "a name that is none": [said(hello={"worker_id": "no name", "kind": "image"})],
    "a second hello": [said(hello={"worker_id": "w1", "kind": "image"})] * 2,
    "progress of no job": [
        said(hello={"worker_id": "w1", "kind": "image"}),
        said(progress={}),
    ],
}


@pytest.mark.parametrize("what", GARBAGE)
async def test_garbage_on_the_stream_ends_it_and_nothing_else(service: WorkerService, what: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await connected(service.stub, *GARBAGE[what], forever=True)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    await connected(service.stub, hello())


async def test_bytes_that_are_no_message_end_the_stream_and_nothing_else(service: WorkerService) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        rpc: Any = channel.stream_stream("/atelier.jobs.v1.WorkerService/Connect")
        call = rpc(iter([b"\xff\xff"]), metadata=WORKER)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            async for _ in call:
                pass
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    await connected(service.stub, hello())


class Woken:
    """Counts the wake-ups of a worker, and names the jobs that it was to look at."""

    def __init__(self) -> None:
        self.times = 0
        self.changed: list[str] = []

    def on_work(self) -> None:
        self.times += 1


@asynccontextmanager
async def listening(service: WorkerService) -> AsyncIterator[tuple[PlaneStream, Woken]]:
    """A worker's stream, connected."""
    stream, woken = PlaneStream(service.stub, kind="image", worker_id="w1"), Woken()
    async with stream.listen(on_work=woken.on_work, on_change=woken.changed.append):
        await eventually(lambda: stream.connected, what="the worker is connected")
        yield stream, woken


@asynccontextmanager
async def passing_on(service: WorkerService) -> AsyncIterator[None]:
    """The service passes wake-ups on."""
    task = asyncio.create_task(service.servicer.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_connected_worker_is_woken_by_each_submit_without_a_broker(
    plane: Plane, service: WorkerService
) -> None:
    async with passing_on(service), listening(service) as (_, woken):
        before = woken.times
        await plane.submit()
        await eventually(lambda: woken.times > before, what="it was woken")


async def test_a_thousand_wake_ups_that_a_worker_does_not_read_become_one(service: WorkerService) -> None:
    async with listening(service) as (_, woken):
        before = woken.times
        for _ in range(1000):
            service.servicer._mailboxes.put_work()
        await eventually(lambda: woken.times > before, what="it was woken")
        assert woken.times - before < 10


async def test_a_worker_whose_stream_broke_connects_again_and_looks_for_work(plane: Plane) -> None:
    [port] = free_ports(1)
    listen = f"127.0.0.1:{port}"
    woken = Woken()
    async with open_channel(listen, token=worker_token) as channel:
        stub: Any = worker_service_pb2_grpc.WorkerServiceStub(channel)
        async with worker_stream(stub, woken) as stream:
            async with worker_service(plane, listen=listen):
                await eventually(lambda: stream.connected, what="the worker is connected")
            await eventually(lambda: not stream.connected, what="the stream broke")
            before = woken.times
            async with worker_service(plane, listen=listen):
                await eventually(lambda: stream.connected, timeout_s=15, what="the worker is connected again")
                assert woken.times > before


async def worker_token() -> str:
    """A worker's own token."""
    return SIGNER.token("service:atelier-image-worker", roles=("worker",))


@asynccontextmanager
async def worker_stream(stub: Any, woken: Woken) -> AsyncIterator[PlaneStream]:
    """A worker's stream, connected or not."""
    stream = PlaneStream(stub, kind="image", worker_id="w1")
    async with stream.listen(on_work=woken.on_work, on_change=woken.changed.append):
        yield stream


async def test_a_cancel_reaches_the_worker_through_its_stream(plane: Plane, nats_server: NatsServer) -> None:
    async with Bus.open(nats_server.url, name="plane") as bus:
        await bus.connection_after(0)
        async with worker_service(plane, bus) as service, passing_on(service), listening(service) as (_, woken):
            await eventually(lambda: bool(bus._subscriptions), what="hints are heard")
            await bus.publish("cancel.image.some-job", b"some-job")
            await eventually(lambda: woken.changed == ["some-job"], what="it was told to look")


async def test_progress_is_published_for_the_owner_and_that_of_others_jobs_is_dropped(
    plane: Plane, nats_server: NatsServer
) -> None:
    async with Bus.open(nats_server.url, name="plane") as bus:
        await bus.connection_after(0)
        async with (
            bus.subscribe("ephemeral.>") as published,
            worker_service(plane, bus) as service,
            listening(service) as (stream, _),
        ):
            job = await plane.submit()
            mine = await plane.claim(job, worker="w1")
            other = await plane.claim(await plane.submit("bob"), worker="w2")
            await stream.publish(
                mine.job, steps_done(3, 8), eta_s=2.5, preview=b"small", preview_content_type="image/jpeg"
            )
            await stream.publish(other.job, steps_done(1, 8), eta_s=None, preview=b"", preview_content_type="")
            message = await published.next(10)
            assert message is not None
            assert message.subject == f"ephemeral.ada.{job.id}"
            event = events_pb2.Event.FromString(message.data)
            progress = event.generation_progress
            assert (event.job_id, event.seq, progress.progress.done) == (job.id, mine.job.seq, 3)
            assert (progress.progress.eta_s, progress.preview) == (2.5, b"small")
            assert await published.next(0.2) is None


async def test_the_condition_of_a_worker_is_published_with_the_owner_of_its_job(
    plane: Plane, nats_server: NatsServer
) -> None:
    async with Bus.open(nats_server.url, name="plane") as bus:
        await bus.connection_after(0)
        async with (
            bus.subscribe("system.worker.*") as published,
            worker_service(plane, bus) as service,
            listening(service) as (stream, _),
        ):
            claim = await plane.claim(await plane.submit("bob"), worker="w1")
            stream.report(
                worker_service_pb2.WorkerCondition(
                    device="cpu", loaded=["demo"], memory_bytes=5, job=job_claim_message(claim.job)
                )
            )
            message = await published.next(10)
            assert message is not None
            report = events_pb2.WorkerReport.FromString(message.data)
            assert (report.status.id, report.status.kind, report.status.device) == ("w1", "image", "cpu")
            assert (report.status.job_id, report.job_owner) == (claim.job.id, "bob")
            assert list(report.status.model_ids) == ["demo"]


def hello() -> worker_service_pb2.ConnectRequest:
    """The first message of a worker."""
    return said(hello={"worker_id": "w1", "kind": "image"})


async def connected(stub: Any, *requests: worker_service_pb2.ConnectRequest, forever: bool = False, **how: Any) -> None:
    """Returns when the plane has said `ready`; with `forever` when the stream has ended. Raises what it is refused
    with."""

    async def sent() -> AsyncIterator[worker_service_pb2.ConnectRequest]:
        for request in requests:
            yield request
        await asyncio.Event().wait()

    call = stub.Connect(sent(), **how)
    try:
        async for response in call:
            assert response.HasField("ready")
            if not forever:
                return
    finally:
        call.cancel()


def claimed_as(claim: Claim, worker_id: str) -> Claim:
    """The same claim, as another worker would name it."""
    return replace(claim, job=replace(claim.job, worker=worker_id))
