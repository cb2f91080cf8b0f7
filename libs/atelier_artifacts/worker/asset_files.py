"""Files of a job in storage: uploads and downloads of a worker, with retries."""

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

# Codes of errors that a retry cannot resolve.
_FINAL = frozenset({"INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "OUT_OF_RANGE"})
# Its code is RESOURCE_EXHAUSTED, as for a busy storage, but a retry cannot succeed.
_TOO_LARGE = "UPLOAD_TOO_LARGE"
# A bug of storage may affect every upload of this file: it is retried a few times only.
_DEFECT = "INTERNAL"
_DEFECT_TRIES = 4
_MAX_PAUSE_S = 10.0

_STORE = Histogram(
    "atelier_store_seconds", "Seconds to store one file, retries included.",
    ["kind"], buckets=(0.005, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
)  # fmt: skip
_RETRIES = Counter(
    "atelier_store_retries_total", "Calls of storage that a worker retries, by reason.", ["kind", "reason"]
)


class FileStore(Protocol):
    """The port to storage; see JobStorage."""

    async def store(self, upload: Upload, token: str) -> storage_pb2.Asset:
        """Stores a file with the job token, and returns its asset. Raises AtelierError."""
        ...

    async def read(self, asset_id: str, token: str) -> bytes:
        """Returns the content of an asset, read with the job token. Raises AtelierError."""
        ...


@dataclass(frozen=True, slots=True)
class AssetFiles:
    """Stores and reads files of a job, with the current token of its attempt.

    While storage is unavailable, calls are retried for `patience_s` seconds, under the attempt's lease. Only then
    is the job released, to run again from the beginning.
    """

    storage: FileStore
    patience_s: float

    async def store(
        self, job: Job, attempt: Attempt, name: str, suffix: str, content_type: str, content: bytes | Path
    ) -> storage_pb2.Asset:
        """Stores one file.

        Args:
            job: The job.
            attempt: Its attempt, whose token is used.
            name: Name of the file, unique within the attempt.
            suffix: Suffix of the file name `<job>-<name>.<suffix>`.
            content_type: Its content type.
            content: Its bytes, or its path.

        Returns:
            The stored asset.

        Raises:
            InfrastructureFault: Storage was unavailable for too long.
            JobFault: Storage refuses the file.
            Stopped: A stop was requested.
        """
        upload = Upload(
            job_id=job.id,
            epoch=attempt.epoch,
            write_once_key=f"{job.kind}/{job.id}/{attempt.epoch}/{name}",
            filename=f"{job.id}-{name}.{suffix}",
            content_type=content_type,
            content=content,
        )
        return await self.upload(job, attempt, upload)

    async def upload(self, job: Job, attempt: Attempt, upload: Upload) -> storage_pb2.Asset:
        """Stores one file under a key of the caller's own, and returns its asset. Raises like `store`."""
        attempt.check()
        with _STORE.labels(job.kind).time():
            return await self._call_with_retries(job, attempt, lambda: self.storage.store(upload, attempt.token))

    async def read(self, job: Job, attempt: Attempt, asset_id: str) -> bytes:
        """Returns the content of an asset that the job's spec names. Raises like `store`."""
        return await self._call_with_retries(job, attempt, lambda: self.storage.read(asset_id, attempt.token))

    async def _call_with_retries(self, job: Job, attempt: Attempt, call: Callable[[], Awaitable[T]]) -> T:
        async def once() -> T:
            return await call()

        tries = AsyncRetrying(
            stop=self._gives_up,
            wait=_pause_s,
            retry=retry_if_exception(lambda e: isinstance(e, AtelierError) and not _is_final(e)),
            before_sleep=partial(_record_retry, job),
            reraise=True,
        )
        try:
            return await attempt.unless_stopped(tries(once))
        except AtelierError as error:
            if _is_final(error):
                raise JobFault(error.reason, error.message, retryable=False) from error
            if error.code == _DEFECT:
                raise JobFault(error.reason, error.message) from error
            _log.warning("storage has failed a job", job_id=job.id, reason=error.reason)
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


def _record_retry(job: Job, state: RetryCallState) -> None:
    reason = _error_of(state).reason
    _RETRIES.labels(job.kind, reason).inc()
    if state.attempt_number == 1:
        _log.warning("a call of storage is retried", job_id=job.id, reason=reason)


def _pause_s(state: RetryCallState) -> float:
    """Returns a pause that grows exponentially, at least the one that storage requests."""
    requested_s = min(_error_of(state).retry_after_s or 0.0, _MAX_PAUSE_S)
    return max(requested_s, _BACKOFF(state))


_BACKOFF = wait_exponential_jitter(multiplier=0.2, max=_MAX_PAUSE_S / 2, jitter=0.2)


def file_fields_of(asset: storage_pb2.Asset) -> dict[str, Any]:
    """Returns the fields of StoredFile for an asset."""
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
    """Awaits uploads concurrently, and returns their results in order; the first error cancels the others."""
    tasks = [asyncio.create_task(store) for store in stores]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
