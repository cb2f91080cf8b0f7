"""Content of a job's files: streamed from storage to the caller, with the headers of HTTP."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import grpc.aio
import structlog
from google.api import httpbody_pb2

from atelier_artifacts.adapters.storage import StorageAssets
from atelier_artifacts.domain.result_cache import ResultCache
from atelier_artifacts.domain.stored_files import StoredFile, asset_ids_in, producer_of
from atelier_jobs.domain.owner_jobs import OwnerJobs
from atelier_service.http import request_header
from atelier_service.identity import current_principal

Context = grpc.aio.ServicerContext[Any, Any]

_log = structlog.get_logger(__name__)

_CONDITIONS = ("range", "if-none-match", "if-range")


class JobFiles:
    """Files of the caller's jobs of one kind."""

    def __init__(self, jobs: OwnerJobs, storage: StorageAssets, cache: ResultCache) -> None:
        self._jobs = jobs
        self._storage = storage
        self._cache = cache

    async def content(
        self, job_id: str, asset_of: Callable[[bytes], str], context: Context
    ) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """Streams a file of a finished job as storage sends it to the caller, headers included.

        Args:
            job_id: A job of the caller.
            asset_of: Returns the id of the asset, given the job's result.
            context: Holds the conditions of the request (`Range` and others), and gets the headers of the response.
        """
        asset_id = asset_of(await self._jobs.result(current_principal().subject, job_id))
        headers = [(name, value) for name in _CONDITIONS if (value := request_header(context, name)) is not None]
        call = self._storage.content(asset_id, headers)
        try:
            chunk = await call.read()  # an error comes before anything is sent: so its HTTP status can be set
            await context.send_initial_metadata(_passed_on(await call.initial_metadata()))
            while isinstance(chunk, httpbody_pb2.HttpBody):
                yield chunk
                chunk = await call.read()
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                await self.lost(job_id, asset_id)
            # Such as 416 with its Content-Range.
            context.set_trailing_metadata(_passed_on(error.trailing_metadata()))
            raise
        finally:
            call.cancel()

    async def lost(self, job_id: str, asset_id: str) -> None:
        """Retires a result of which storage has lost a file (it was restored from an older backup, say).

        The content cache no longer finds the result, so the next request is made anew. Nothing happens when the job
        has another result by now.
        """
        owner = current_principal().subject
        job = await self._jobs.get(owner, job_id)
        source = producer_of(job)
        if source is None or job.result is None:
            return
        if asset_id in asset_ids_in(job.result):
            _log.error("files are lost", kind=job.kind, job_id=job_id, source_job_id=source.job_id)
            await self._cache.retire(owner, source)


def file_fields(file: StoredFile) -> dict[str, Any]:
    """Returns the fields that every output has in a job's record, as keyword arguments of each contract's message."""
    return {
        "asset_id": file.asset_id,
        "content_type": file.content_type,
        "width_px": file.width_px,
        "height_px": file.height_px,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
    }


def _passed_on(metadata: Any) -> tuple[tuple[str, str | bytes], ...]:
    """Returns the metadata of another service's response, except that of the connection."""
    return tuple(
        (key, value)
        for key, value in metadata or ()
        if not key.startswith(("grpc-", ":")) and key not in ("content-type", "user-agent", "date", "server")
    )
