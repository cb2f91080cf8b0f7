"""What a job made, as files in storage."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog
from prometheus_client import Counter, Histogram
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential_jitter

from atelier.storage.v1 import storage_pb2
from atelier_artifacts.adapters.storage import Upload
from atelier_jobs.domain.job import Job
from atelier_jobs.worker.attempt import Attempt, InfrastructureFault, JobFault
from atelier_service.errors import AtelierError

T = TypeVar("T")

_log = structlog.get_logger(__name__)

# What storage says of the file, and would say again.
_FINAL = frozenset({"INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "OUT_OF_RANGE"})
# RESOURCE_EXHAUSTED like a storage that is too busy now, but no file becomes smaller by waiting.
_TOO_LARGE = "UPLOAD_TOO_LARGE"
# A bug of storage's may be one that this file meets every time: not waited out like an outage.
_DEFECT = "INTERNAL"
_DEFECT_TRIES = 4
_MAX_PAUSE_S = 10.0

_STORE = Histogram(
    "atelier_store_seconds", "Seconds to store one file, retries included.",
    ["kind"], buckets=(0.005, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
)  # fmt: skip
_RETRIES = Counter(
    "atelier_store_retries_total", "Calls of storage that a worker has to make again, by why.", ["kind", "reason"]
)


class FileStore(Protocol):
    """Where files go and come from; see JobStorage."""

    async def store(self, upload: Upload, token: str) -> storage_pb2.Asset:
        """The stored asset. Raises AtelierError."""
        ...

    async def read(self, asset_id: str, token: str) -> bytes:
        """All bytes of an asset. Raises AtelierError."""
        ...


@dataclass(frozen=True, slots=True)
class AssetFiles:
    """Stores and reads files of a job, with the token that its claim has at that moment.

    While storage takes nothing, a result stays where it is, under the attempt's lease, and is stored again and again
    for `patience_s`. Only then does the job go back to the queue, to be made anew.
    """

    storage: FileStore
    patience_s: float

    async def store(
        self, job: Job, attempt: Attempt, name: str, suffix: str, content_type: str, content: bytes | Path
    ) -> storage_pb2.Asset:
        """One stored file, called `name` among those of the attempt and `<job>-<name>.<suffix>` by people.

        Raises InfrastructureFault, JobFault and Stopped.
        """
        attempt.check()
        upload = Upload(
            job_id=job.id,
            epoch=attempt.epoch,
            write_once_key=f"{job.kind}/{job.id}/{attempt.epoch}/{name}",
            filename=f"{job.id}-{name}.{suffix}",
            content_type=content_type,
            content=content,
        )
        with _STORE.labels(job.kind).time():
            return await self._insist(job, attempt, lambda: self.storage.store(upload, attempt.token))

    async def read(self, job: Job, attempt: Attempt, asset_id: str) -> bytes:
        """The bytes of an asset that the job's spec names. Raises InfrastructureFault, JobFault and Stopped."""
        return await self._insist(job, attempt, lambda: self.storage.read(asset_id, attempt.token))

    async def _insist(self, job: Job, attempt: Attempt, call: Callable[[], Awaitable[T]]) -> T:
        async def once() -> T:
            return await call()

        tries = AsyncRetrying(
            stop=self._gives_up,
            wait=_pause_s,
            retry=retry_if_exception(lambda e: isinstance(e, AtelierError) and not _is_final(e)),
            before_sleep=partial(_tell, job),
            reraise=True,
        )
        try:
            return await attempt.unless_stopped(tries(once))
        except AtelierError as error:
            if _is_final(error):
                raise JobFault(error.reason, error.message, retryable=False) from error
            if error.code == _DEFECT:
                raise JobFault(error.reason, error.message) from error
            _log.warning("storage does not do what a job needs", job_id=job.id, reason=error.reason)
            raise InfrastructureFault(f"storage: {error.reason}") from error

    def _gives_up(self, state: RetryCallState) -> bool:
        if _error_of(state).code == _DEFECT:
            return state.attempt_number >= _DEFECT_TRIES
        return (state.seconds_since_start or 0.0) >= self.patience_s


def _error_of(state: RetryCallState) -> AtelierError:
    assert state.outcome is not None
    error = state.outcome.exception()
    assert isinstance(error, AtelierError)  # nothing else is tried again
    return error


def _tell(job: Job, state: RetryCallState) -> None:
    reason = _error_of(state).reason
    _RETRIES.labels(job.kind, reason).inc()
    if state.attempt_number == 1:
        _log.warning("storage does not do yet what a job needs", job_id=job.id, reason=reason)


def _pause_s(state: RetryCallState) -> float:
    """Longer each time, and at least what storage asks for."""
    asked_s = min(_error_of(state).retry_after_s or 0.0, _MAX_PAUSE_S)
    return max(asked_s, _BACKOFF(state))


_BACKOFF = wait_exponential_jitter(multiplier=0.2, max=_MAX_PAUSE_S / 2, jitter=0.2)


def described(asset: storage_pb2.Asset) -> dict[str, Any]:
    """The fields of StoredFile."""
    return {
        "asset_id": asset.id,
        "content_type": asset.content_type,
        "width_px": asset.width_px,
        "height_px": asset.height_px,
        "size_bytes": asset.size_bytes,
        "sha256": asset.sha256,
    }


def _is_final(error: AtelierError) -> bool:
    return error.code in _FINAL or error.reason == _TOO_LARGE


async def all_of(stores: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Stores everything at once; the first failure stops the others and is raised as it is."""
    tasks = [asyncio.create_task(store) for store in stores]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
