"""Requests about jobs, as every servicer of one kind handles them: submit, get, page, cancel, delete."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import grpc.aio
from google.protobuf.message import Message
from prometheus_client import Counter

from atelier.jobs.v1 import job_pb2
from atelier_jobs.api.child_jobs import ChildJobs
from atelier_jobs.api.job_directory import JobDirectory
from atelier_jobs.api.parent_token import check_child, check_parent_id
from atelier_jobs.api.request_headers import idempotency_key, wait_preference_s
from atelier_jobs.domain.claim_order import Priority
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.owner_jobs import IdempotencyKey, OwnerJobs, Placement
from atelier_jobs.domain.states import State
from atelier_jobs.domain.store import Submitted
from atelier_jobs.events.watch import Watching
from atelier_service.errors import PermissionDeniedError
from atelier_service.http import request_header, set_http
from atelier_service.identity import Principal, current_principal
from atelier_service.paging import decode_token, encode_token, fitting, page_size

Context = grpc.aio.ServicerContext[Any, Any]

_ACCEPTED = Counter(
    "atelier_jobs_accepted_total", "Jobs accepted, by where their results come from.", ["kind", "answer"]
)

_MessageT = TypeVar("_MessageT", bound=Message)


class _SubmitRequest(Protocol):
    request_id: str
    priority: job_pb2.Priority.ValueType
    parent_id: str

    @property
    def parameters(self) -> Message: ...


class _PageRequest(Protocol):
    page_size: int
    page_token: str
    state: job_pb2.State.ValueType


class JobApi:
    """Handles requests about jobs of one kind for the caller, who sees their own jobs only."""

    def __init__(
        self,
        jobs: OwnerJobs,
        watching: Watching,
        directory: JobDirectory,
        path_of: Callable[[str], str],
        children: ChildJobs | None = None,
    ) -> None:
        """
        Args:
            jobs: Use cases of owners.
            watching: Waits for the end of jobs.
            directory: Jobs of all kinds, of which one may be the parent of a new one.
            path_of: Returns the path of a job below the gateway.
            children: Cancels the children of a job that is cancelled or deleted; None: they go on.
        """
        self._directory = directory
        self._jobs = jobs
        self._watching = watching
        self._path_of = path_of
        self._children = children

    async def submit(
        self,
        request: _SubmitRequest,
        context: Context,
        submit: Callable[[str, IdempotencyKey, Placement], Awaitable[Submitted]],
    ) -> Job:
        """Accepts a job, once for each idempotency key, and waits for its end when the caller prefers that.

        Args:
            request: The request; a repeat must have equal parameters.
            context: Holds the headers of the request, and gets those of the response.
            submit: Submits the job, given owner, key and placement; not called for a repeat (see OwnerJobs.once).

        Raises:
            PermissionDeniedError: The caller may not use this priority.
            NotFoundError: The caller has no such parent.
            AtelierError: What `submit` raises.
        """
        owner = current_principal().subject
        name = idempotency_key(request_header(context, "idempotency-key"), request.request_id)
        key = IdempotencyKey(name, request_hash(request.parameters))

        async def placed() -> Submitted:
            return await submit(owner, key, await self._placement(request, context))

        submitted = await self._jobs.once(owner, key, placed)
        job = submitted.job
        check_child(job)
        origin = "repeat" if submitted.repeated else "cache" if job.cached else "worker"
        _ACCEPTED.labels(job.kind, origin).inc()
        return await self.accepted(job, context)

    async def _placement(self, request: _SubmitRequest, context: Context) -> Placement:
        priority = Priority(request.priority or Priority.NORMAL)
        if priority is Priority.HIGH and not _may_hurry(current_principal()):
            text = "priority: HIGH is for administrators and services of the mesh"
            raise PermissionDeniedError("PRIORITY_RESERVED", text)
        if not check_parent_id(request.parent_id) and request.parent_id:
            await self._directory.check_parent(request.parent_id, context)
        return Placement(priority=priority, parent_id=request.parent_id)

    async def accepted(self, job: Job, context: Context) -> Job:
        """Sets HTTP 202 for a job that has not ended and 200 for one that has, after the wait that the caller prefers.

        Returns:
            The job as it is after the wait.
        """
        headers = {"location": self._path_of(job.id)}
        wait_s = wait_preference_s(request_header(context, "prefer"))
        if wait_s is not None:
            headers["preference_applied"] = f"wait={wait_s}"
            if wait_s and not job.state.terminal:
                job = await self._watching.end(job.owner, job.id, wait_s)
        await set_http(context, None if job.state.terminal else 202, **headers)
        return job

    async def get(self, job_id: str) -> Job:
        """Returns a job of the caller. Raises NotFoundError."""
        job = await self._jobs.get(current_principal().subject, job_id)
        check_child(job)
        return job

    async def result_so_far(self, job: Job) -> bytes | None:
        """See OwnerJobs.result_so_far."""
        return await self._jobs.result_so_far(job)

    async def page(self, request: _PageRequest, written: Callable[[Job], _MessageT]) -> tuple[list[_MessageT], str]:
        """Returns a page of the caller's jobs, newest first, and the token of the next page.

        Paged by id: UUIDv7 sort by time, so no job is skipped or repeated while others are added and removed.

        Args:
            request: Size, token and an optional state.
            written: Returns the message of a job.
        """
        page = await self._jobs.page(
            current_principal().subject,
            state=State(request.state) if request.state else None,
            before=str(decode_token(request.page_token, 1)[0]) if request.page_token else "",
            limit=page_size(request.page_size),
        )
        messages = fitting(map(written, page.jobs))
        before = page.next_before if len(messages) == len(page.jobs) else page.jobs[len(messages) - 1].id
        return messages, encode_token(before) if before else ""

    async def cancel(self, job_id: str) -> Job:
        """Requests that a job of the caller stops. Raises NotFoundError."""
        await self.get(job_id)
        job = await self._jobs.cancel(current_principal().subject, job_id)
        if self._children is not None:
            await self._children.cancel(job_id)
        return job

    async def delete(self, job_id: str) -> None:
        """Stops and removes a job of the caller. Raises NotFoundError."""
        await self._jobs.delete(current_principal().subject, job_id)
        if self._children is not None:
            await self._children.cancel(job_id)


def _may_hurry(caller: Principal) -> bool:
    """True for administrators whose credential has the scope `admin`, and for services, also on behalf of a user."""
    return caller.is_service or bool(caller.actor) or (caller.is_admin and "admin" in caller.scopes)


def request_hash(parameters: Message) -> bytes:
    """Returns the SHA-256 of the parameters as they were sent: those of a repeat without a seed are equal too."""
    return hashlib.sha256(parameters.SerializeToString(deterministic=True)).digest()
