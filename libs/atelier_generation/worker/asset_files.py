"""What a job made, as files in storage."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog
from prometheus_client import Histogram
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from atelier.storage.v1 import storage_pb2
from atelier_generation.adapters.storage import Upload
from atelier_jobs.attempt import Attempt, InfrastructureFault, JobFault
from atelier_jobs.job import Job
from atelier_service.errors import AtelierError

T = TypeVar("T")

_log = structlog.get_logger(__name__)

# What storage says of the file, and would say again.
_FINAL = frozenset({"INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "OUT_OF_RANGE"})
# RESOURCE_EXHAUSTED like a storage that is too busy now, but no file becomes smaller by waiting.
_TOO_LARGE = "UPLOAD_TOO_LARGE"

_STORE = Histogram(
    "atelier_store_seconds", "Seconds to store one file, retries included.",
    ["kind"], buckets=(0.005, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)  # fmt: skip


class OwnersFiles(Protocol):
    """Where files go and come from; see OwnersStorage."""

    async def store(self, upload: Upload) -> storage_pb2.Asset:
        """The stored asset. Raises AtelierError."""
        ...

    async def read(self, owner: str, asset_id: str) -> bytes:
        """All bytes of an asset. Raises AtelierError."""
        ...


@dataclass(frozen=True, slots=True)
class AssetFiles:
    """Stores and reads files on behalf of a job's owner.

    While storage is away the bytes stay where they are for `attempts` tries, before the job goes back to the queue.
    """

    storage: OwnersFiles
    attempts: int

    async def store(
        self, job: Job, attempt: Attempt, name: str, suffix: str, content_type: str, content: bytes | Path
    ) -> storage_pb2.Asset:
        """One stored file, called `name` among those of the attempt and `<job>-<name>.<suffix>` by people.

        Raises InfrastructureFault, JobFault and Stopped.
        """
        attempt.check()
        upload = Upload(
            owner=job.owner,
            job_id=job.id,
            epoch=attempt.epoch,
            write_once_key=f"{job.kind}/{job.id}/{attempt.epoch}/{name}",
            filename=f"{job.id}-{name}.{suffix}",
            content_type=content_type,
            content=content,
        )
        with _STORE.labels(job.kind).time():
            return await self._insist(job, attempt, lambda: self.storage.store(upload))

    async def read(self, job: Job, attempt: Attempt, asset_id: str) -> bytes:
        """The bytes of an asset of the job's owner. Raises InfrastructureFault, JobFault and Stopped."""
        return await self._insist(job, attempt, lambda: self.storage.read(job.owner, asset_id))

    async def _insist(self, job: Job, attempt: Attempt, call: Callable[[], Awaitable[T]]) -> T:
        async def once() -> T:
            attempt.check()
            return await call()

        tries = AsyncRetrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait_exponential_jitter(multiplier=0.2, max=3.0, jitter=0.2),
            retry=retry_if_exception(lambda e: isinstance(e, AtelierError) and not _is_final(e)),
            reraise=True,
        )
        try:
            return await tries(once)
        except AtelierError as error:
            if _is_final(error):
                raise JobFault(error.reason, error.message, retryable=False) from error
            _log.warning("storage does not do what a job needs", job_id=job.id, reason=error.reason)
            raise InfrastructureFault(f"storage: {error.reason}") from error


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
