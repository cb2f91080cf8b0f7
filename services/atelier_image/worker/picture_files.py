"""Pictures as files in storage."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

import structlog
from prometheus_client import Histogram
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from atelier.storage.v1 import storage_pb2
from atelier_diffusion.denoise import Picture
from atelier_diffusion.encode import CONTENT_TYPES, encode_picture
from atelier_image.adapters.storage import Upload
from atelier_image.domain.images import KIND
from atelier_image.domain.parameters import Parameters
from atelier_image.domain.result import Output
from atelier_jobs.attempt import Attempt, InfrastructureFault, JobFault
from atelier_jobs.job import Job
from atelier_service.errors import AtelierError

_log = structlog.get_logger(__name__)

# What storage says of the picture, and would say again.
_FINAL = frozenset({"INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "OUT_OF_RANGE"})

_UPLOAD = Histogram(
    "atelier_image_store_seconds", "Seconds to store one picture, retries included.",
    buckets=(0.005, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)  # fmt: skip


class Uploads(Protocol):
    """Where pictures go; see StorageUploads."""

    async def store(self, upload: Upload) -> storage_pb2.Asset:
        """The stored asset. Raises AtelierError."""
        ...


@dataclass(frozen=True, slots=True)
class PictureFiles:
    """Encodes pictures in a thread and stores them on behalf of their owner.

    While storage is away the bytes stay in memory for `attempts` tries, before the job goes back to the queue.
    """

    uploads: Uploads
    attempts: int

    async def store(self, job: Job, attempt: Attempt, parameters: Parameters, picture: Picture) -> Output:
        """One stored picture. Raises InfrastructureFault, JobFault and Stopped."""
        data = await asyncio.to_thread(_encode, parameters, picture)
        attempt.check()
        upload = Upload(
            owner=job.owner,
            job_id=job.id,
            epoch=attempt.epoch,
            write_once_key=f"{KIND}/{job.id}/{attempt.epoch}/{picture.index}",
            filename=f"{job.id}-{picture.index}.{parameters.output_format.lower()}",
            content_type=CONTENT_TYPES[parameters.output_format],
            data=data,
        )
        with _UPLOAD.time():
            asset = await self._insist(upload, attempt)
        return Output(
            index=picture.index,
            seed=picture.seed,
            asset_id=asset.id,
            content_type=asset.content_type,
            width_px=asset.width_px,
            height_px=asset.height_px,
            size_bytes=asset.size_bytes,
            sha256=asset.sha256,
        )

    async def _insist(self, upload: Upload, attempt: Attempt) -> storage_pb2.Asset:
        tries = AsyncRetrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait_exponential_jitter(multiplier=0.2, max=3.0, jitter=0.2),
            retry=retry_if_exception(lambda e: isinstance(e, AtelierError) and e.code not in _FINAL),
            reraise=True,
        )
        try:
            return await tries(self._try, upload, attempt)
        except AtelierError as error:
            if error.code in _FINAL:
                raise JobFault(error.reason, error.message, retryable=False) from error
            _log.warning("a picture could not be stored", job_id=upload.job_id, reason=error.reason)
            raise InfrastructureFault(f"storage: {error.reason}") from error

    async def _try(self, upload: Upload, attempt: Attempt) -> storage_pb2.Asset:
        attempt.check()
        return await self.uploads.store(upload)


def _encode(parameters: Parameters, picture: Picture) -> bytes:
    """The file carries what makes this picture again, alone."""
    values = {
        **parameters.drawn(),
        "seed": picture.seed,
        "count": 1,
        "model": picture.model_id,
        "model_revision": picture.model_revision,
    }
    return encode_picture(picture.pixels, parameters.output_format, values)
