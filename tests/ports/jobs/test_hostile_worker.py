"""A worker whose host was taken over, or that is broken: what it writes is refused by name, or stored as it is."""

import math
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import any_pb2

from atelier.image.v1 import image_pb2  # noqa: F401 - the types of details
from atelier.jobs.v1 import job_pb2, worker_service_pb2
from atelier_jobs.domain.claims import ClaimRequest
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.domain.progress import NOT_BEGUN, Progress
from atelier_jobs.domain.states import State
from atelier_jobs.wire.claim_messages import held_job_message
from atelier_jobs.worker.grpc_claims import GrpcClaimStore
from tests.ports.jobs.plane import Plane
from tests.ports.jobs.worker_service import worker_service

HOSTILE_PROGRESS: dict[str, dict[str, Any]] = {
    "a fraction that is no number": {"fraction": math.nan},
    "an endless fraction": {"fraction": math.inf},
    "more than all": {"fraction": 1.5},
    "less than nothing": {"fraction": -0.5},
    "a stage without end": {"stage": "x" * 65},
    "a unit without end": {"unit": "x" * 65},
    "a stage that no database stores": {"stage": "deno\0ising"},
    "an end that never comes": {"eta_s": math.inf},
}


def packed(inner: any_pb2.Any) -> any_pb2.Any:
    """A message in a message."""
    outer = any_pb2.Any()
    outer.Pack(inner)
    return outer


UNREADABLE_DETAILS: dict[str, any_pb2.Any] = {
    "a type that there is not": any_pb2.Any(type_url="type.googleapis.com/atelier.image.v1.Nothing"),
    "a type within a type that there is not": packed(any_pb2.Any(type_url="type.googleapis.com/atelier.None")),
    "no type": any_pb2.Any(value=b"value"),
    "bytes that are no message": any_pb2.Any(
        type_url="type.googleapis.com/atelier.image.v1.ImageProgress", value=b"\xff\xff"
    ),
    "more than a detail": any_pb2.Any(
        type_url="type.googleapis.com/atelier.image.v1.ImageProgress", value=b"\xfa\x3f\x88\x27" + bytes(5000)
    ),
}

HOSTILE_FAILURES: dict[str, dict[str, str]] = {
    "a reason without end": {"reason": "X" * 65},
    "a reason that is none": {"reason": "no reason"},
    "no reason": {"message": "It broke."},
    "a sentence that no database stores": {"reason": "BROKEN", "message": "It\0broke."},
    "a sentence without end": {"reason": "BROKEN", "message": "x" * 5000},
}

HOSTILE_CLAIMS: dict[str, dict[str, Any]] = {
    "an epoch beyond what is stored": {"job_id": "job", "epoch": 2**32 - 1},
    "a job that no database finds": {"job_id": "job\0", "epoch": 1},
}

REQUEST = ClaimRequest(kind="image", worker_id="w1", lease_s=30, max_jobs=1)


async def refused(call: Any) -> grpc.StatusCode:
    """How a call ends."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.parametrize("what", HOSTILE_PROGRESS)
async def test_progress_that_cannot_be_is_refused_and_the_claim_holds(plane: Plane, what: str) -> None:
    job = await plane.submit()
    async with worker_service(plane) as service:
        store = GrpcClaimStore(service.stub, "image")
        [claim] = await store.claim(REQUEST)
        held = held_job_message(claim)
        held.progress.CopyFrom(job_pb2.Progress(**HOSTILE_PROGRESS[what]))
        calls = (
            service.stub.RenewLease(worker_service_pb2.RenewLeaseRequest(job=held, lease_s=30)),
            service.stub.CompleteJob(worker_service_pb2.CompleteJobRequest(job=held, result=b"result")),
        )
        assert [await refused(call) for call in calls] == [grpc.StatusCode.INVALID_ARGUMENT] * 2
        again = await plane.again(job)
        assert (again.state, again.progress) == (State.RUNNING, NOT_BEGUN)
        assert await store.complete(claim, Outcome(b"result"))


@pytest.mark.parametrize("what", UNREADABLE_DETAILS)
async def test_a_detail_that_cannot_be_decoded_is_left_out_and_the_rest_is_stored(plane: Plane, what: str) -> None:
    job = await plane.submit()
    async with worker_service(plane) as service:
        [claim] = await GrpcClaimStore(service.stub, "image").claim(REQUEST)
        held = held_job_message(claim)
        held.progress.CopyFrom(job_pb2.Progress(stage="denoising", fraction=0.5, detail=UNREADABLE_DETAILS[what]))
        assert (await service.stub.RenewLease(worker_service_pb2.RenewLeaseRequest(job=held, lease_s=30))).held
        assert (await plane.again(job)).progress == Progress(stage="denoising", fraction=0.5)


@pytest.mark.parametrize("what", HOSTILE_FAILURES)
async def test_a_failure_that_no_owner_can_read_is_refused(plane: Plane, what: str) -> None:
    job = await plane.submit()
    async with worker_service(plane) as service:
        [claim] = await GrpcClaimStore(service.stub, "image").claim(REQUEST)
        request = worker_service_pb2.FailJobRequest(
            job=held_job_message(claim), failure=job_pb2.Failure(**HOSTILE_FAILURES[what])
        )
        assert await refused(service.stub.FailJob(request)) is grpc.StatusCode.INVALID_ARGUMENT
        assert (await plane.again(job)).state is State.RUNNING


@pytest.mark.parametrize("what", HOSTILE_CLAIMS)
async def test_a_claim_that_cannot_be_is_refused(plane: Plane, what: str) -> None:
    held = worker_service_pb2.HeldJob(claim=worker_service_pb2.JobClaim(**HOSTILE_CLAIMS[what]), worker_id="w1")
    async with worker_service(plane) as service:
        calls = (
            service.stub.RenewLease(worker_service_pb2.RenewLeaseRequest(job=held, lease_s=30)),
            service.stub.ReleaseJob(worker_service_pb2.ReleaseJobRequest(job=held)),
            service.stub.DiscardResult(worker_service_pb2.DiscardResultRequest(job=held)),
        )
        assert [await refused(call) for call in calls] == [grpc.StatusCode.INVALID_ARGUMENT] * 3
