"""How a servicer answers for jobs, whatever they make: submits, pages, streams of bytes."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Generic, Protocol, TypeVar

import grpc.aio
from google.api import httpbody_pb2
from google.protobuf.message import Message
from prometheus_client import Counter

from atelier.jobs.v1 import job_pb2
from atelier_generation.adapters.storage import StorageAssets
from atelier_generation.api.messages import request_hash
from atelier_generation.api.preference import wait_preference_s
from atelier_generation.domain.generations import AskedT, Generations
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.states import State
from atelier_jobs.events.watch import Watching
from atelier_service.errors import InvalidArgumentError
from atelier_service.http import request_header, set_http
from atelier_service.identity import current_principal
from atelier_service.paging import decode_token, encode_token, fitting, page_size

Context = grpc.aio.ServicerContext[Any, Any]

_CONDITIONS = ("range", "if-none-match", "if-range")

_ACCEPTED = Counter("atelier_jobs_accepted_total", "Jobs accepted, by what answers them.", ["kind", "answer"])


_MessageT = TypeVar("_MessageT", bound=Message)


class _SubmitRequest(Protocol):
    request_id: str

    @property
    def parameters(self) -> Message: ...


class _PageRequest(Protocol):
    page_size: int
    page_token: str
    state: job_pb2.State.ValueType


class JobAnswers(Generic[AskedT]):
    """Answers for jobs of one kind, and of the caller alone: the rest is as if it were not there."""

    def __init__(
        self,
        generations: Generations[AskedT],
        watching: Watching,
        storage: StorageAssets,
        path_of: Callable[[str], str],
    ) -> None:
        """`path_of` tells where a job is, below the gateway."""
        self._generations = generations
        self._watching = watching
        self._storage = storage
        self._path_of = path_of

    async def submit(
        self,
        request: _SubmitRequest,
        asked: AskedT,
        context: Context,
        *,
        check: Callable[[], Awaitable[None]] | None = None,
    ) -> Job:
        """The job that is accepted; waits for its end when the caller prefers that. See Generations.submit."""
        submitted = await self._generations.submit(
            current_principal().subject,
            asked,
            key=_idempotency_key(request, context),
            request_hash=request_hash(request.parameters),
            check=check,
        )
        job = submitted.job
        answer = "repeat" if submitted.repeated else "cache" if job.cached else "worker"
        _ACCEPTED.labels(job.kind, answer).inc()
        return await self._accepted(job, context)

    async def update(self, job_id: str, asked: AskedT, context: Context) -> Job:
        """The job with its new parameters; waits likewise."""
        return await self._accepted(await self._generations.update(current_principal().subject, job_id, asked), context)

    async def page(self, request: _PageRequest, written: Callable[[Job], _MessageT]) -> tuple[list[_MessageT], str]:
        """The caller's jobs, each as `written`, and the next page's token. By id: UUIDv7 sort by time, so nothing is
        skipped or repeated when jobs come and go."""
        page = await self._generations.page(
            current_principal().subject,
            state=State(request.state) if request.state else None,
            before=str(decode_token(request.page_token, 1)[0]) if request.page_token else "",
            limit=page_size(request.page_size),
        )
        messages = fitting(map(written, page.jobs))
        before = page.next_before if len(messages) == len(page.jobs) else page.jobs[len(messages) - 1].id
        return messages, encode_token(before) if before else ""

    async def content(
        self, job_id: str, asset_of: Callable[[bytes], str], context: Context
    ) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """The bytes of a finished job's file as storage answers them to the caller, headers included. `asset_of` tells
        from its result which."""
        owner = current_principal().subject
        asset_id = asset_of(await self._generations.finished(owner, job_id))
        headers = [(name, value) for name in _CONDITIONS if (value := request_header(context, name)) is not None]
        call = self._storage.content(asset_id, headers)
        try:
            chunk = await call.read()  # an error comes before anything is sent: so its HTTP status can be told
            await context.send_initial_metadata(_passed_on(await call.initial_metadata()))
            while isinstance(chunk, httpbody_pb2.HttpBody):
                yield chunk
                chunk = await call.read()
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                await self._generations.file_lost(owner, job_id, asset_id)
            # Such as 416 with its Content-Range.
            context.set_trailing_metadata(_passed_on(error.trailing_metadata()))
            raise
        finally:
            call.cancel()

    async def _accepted(self, job: Job, context: Context) -> Job:
        """202 for what is to be done, 200 for what is done; waits before, when the caller prefers that. The job as it
        stands then."""
        headers = {"location": self._path_of(job.id)}
        wait_s = wait_preference_s(request_header(context, "prefer"))
        if wait_s is not None:
            headers["preference_applied"] = f"wait={wait_s}"
            if wait_s and not job.state.terminal:
                job = await self._watching.end(job.owner, job.id, wait_s)
        await set_http(context, None if job.state.terminal else 202, **headers)
        return job


def _idempotency_key(request: _SubmitRequest, context: Context) -> str:
    """The key of a submit, from the header or the request. Raises InvalidArgumentError when they differ."""
    header = request_header(context, "idempotency-key") or ""
    if len(header) > 128:
        raise InvalidArgumentError.of_field("idempotency-key", "must have at most 128 characters")
    if header and request.request_id and header != request.request_id:
        text = "differs from the Idempotency-Key header"
        raise InvalidArgumentError.of_field("request_id", text, reason="AMBIGUOUS_IDEMPOTENCY_KEY")
    return header or request.request_id


def _passed_on(metadata: Any) -> tuple[tuple[str, str | bytes], ...]:
    """What another service sent along, but for what belongs to the hop."""
    return tuple(
        (key, value)
        for key, value in metadata or ()
        if not key.startswith(("grpc-", ":")) and key not in ("content-type", "user-agent", "date", "server")
    )
