"""How a servicer answers for jobs, whatever they make: submits, pages, streams of bytes."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Protocol

import grpc.aio
from google.api import httpbody_pb2
from prometheus_client import Counter

from atelier.jobs.v1 import job_pb2
from atelier_generation.adapters.storage import StorageAssets
from atelier_generation.api.preference import wait_preference_s
from atelier_generation.api.watching import Watching
from atelier_generation.domain.generations import Generations
from atelier_jobs.job import Job
from atelier_jobs.states import State
from atelier_jobs.store import Submitted
from atelier_service.errors import InvalidArgumentError
from atelier_service.http import request_header, set_http
from atelier_service.identity import current_principal
from atelier_service.paging import decode_token, encode_token, page_size

Context = grpc.aio.ServicerContext[Any, Any]

_CONDITIONS = ("range", "if-none-match", "if-range")

_ACCEPTED = Counter("atelier_jobs_accepted_total", "Jobs accepted, by what answers them.", ["kind", "answer"])


class _SubmitRequest(Protocol):
    request_id: str


class _PageRequest(Protocol):
    page_size: int
    page_token: str
    state: job_pb2.State.ValueType


def idempotency_key(request: _SubmitRequest, context: Context) -> str:
    """The key of a submit, from the header or the request. Raises InvalidArgumentError when they differ."""
    header = request_header(context, "idempotency-key") or ""
    if len(header) > 128:
        raise InvalidArgumentError.of_field("idempotency-key", "must have at most 128 characters")
    if header and request.request_id and header != request.request_id:
        text = "differs from the Idempotency-Key header"
        raise InvalidArgumentError.of_field("request_id", text, reason="AMBIGUOUS_IDEMPOTENCY_KEY")
    return header or request.request_id


def count_accepted(submitted: Submitted) -> None:
    """For the metrics."""
    job = submitted.job
    answer = "repeat" if submitted.repeated else "cache" if job.cached else "worker"
    _ACCEPTED.labels(job.kind, answer).inc()


async def accepted(watching: Watching, job: Job, path: str, context: Context) -> Job:
    """202 for what is to be done, 200 for what is done; waits before, when the caller prefers that. The job as it
    stands then."""
    headers = {"location": path}
    wait_s = wait_preference_s(request_header(context, "prefer"))
    if wait_s is not None:
        headers["preference_applied"] = f"wait={wait_s}"
        if wait_s and not job.state.terminal:
            job = await watching.end(job.owner, job.id, wait_s)
    await set_http(context, None if job.state.terminal else 202, **headers)
    return job


async def page_of(generations: Generations[Any], request: _PageRequest) -> tuple[list[Job], str]:
    """The caller's jobs, and the next page's token. By id: UUIDv7 sort by time, so nothing is skipped or repeated when
    jobs come and go."""
    page = await generations.page(
        current_principal().subject,
        state=State(request.state) if request.state else None,
        before=str(decode_token(request.page_token, 1)[0]) if request.page_token else "",
        limit=page_size(request.page_size),
    )
    return list(page.jobs), encode_token(page.next_before) if page.next_before else ""


async def stored_bytes(
    storage: StorageAssets, asset_id: str, context: Context, *, lost: Callable[[], Awaitable[None]]
) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
    """The bytes as storage answers them to the caller, headers included; `lost` is called when it has not got them."""
    headers = [(name, value) for name in _CONDITIONS if (value := request_header(context, name)) is not None]
    call = storage.content(asset_id, headers)
    try:
        chunk = await call.read()  # an error comes before anything is sent: so its HTTP status can be told
        await context.send_initial_metadata(_passed_on(await call.initial_metadata()))
        while isinstance(chunk, httpbody_pb2.HttpBody):
            yield chunk
            chunk = await call.read()
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            await lost()
        # Such as 416 with its Content-Range.
        context.set_trailing_metadata(_passed_on(error.trailing_metadata()))
        raise
    finally:
        call.cancel()


def _passed_on(metadata: Any) -> tuple[tuple[str, str | bytes], ...]:
    """What another service sent along, but for what belongs to the hop."""
    return tuple(
        (key, value)
        for key, value in metadata or ()
        if not key.startswith(("grpc-", ":")) and key not in ("content-type", "user-agent", "date", "server")
    )
