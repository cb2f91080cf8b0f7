"""The messages of an upload: the first carries the fields, all may carry bytes."""

import asyncio
import time
from collections.abc import AsyncIterator

from atelier.storage.v1 import storage_pb2
from atelier_service.errors import InvalidArgumentError, PermissionDeniedError
from atelier_service.identity import Principal
from atelier_service.interceptors.validation import validate
from atelier_storage.domain.asset import Origin, clean_filename
from atelier_storage.domain.pace import Pace, SlowestPace


class IncomingUpload:
    """One client stream. `open` first, then read `chunks` to their end."""

    def __init__(self, requests: AsyncIterator[storage_pb2.CreateAssetRequest], slowest: SlowestPace) -> None:
        self._requests = requests
        self._pace = Pace(slowest, time.monotonic)
        self._first = b""

    async def open(self, principal: Principal) -> Origin:
        """Reads the first message and returns what it says of the file.

        Raises InvalidArgumentError for fields that break the contract's rules, and PermissionDeniedError for fields
        that the caller's credential does not cover; AbortedError as `chunks` does.
        """
        request = await self._next()
        if request is None:
            raise InvalidArgumentError.of_field("file", "is missing", reason="EMPTY_FILE")
        validate(request)
        _check_job(request, principal)
        self._first = request.file.data
        return Origin(
            owner=principal.subject,
            filename=clean_filename(request.filename),
            job_id=request.job_id,
            epoch=request.epoch,
            write_once_key=request.write_once_key,
        )

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they come; raises AbortedError when they come too slowly."""
        chunk, self._first = self._first, b""
        while True:
            if chunk:
                yield chunk
            request = await self._next()
            if request is None:
                return
            chunk = request.file.data

    async def _next(self) -> storage_pb2.CreateAssetRequest | None:
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(self._pace.patience_s):
                request = await anext(self._requests, None)
        except TimeoutError as error:
            raise self._pace.stalled() from error
        self._pace.came(len(request.file.data) if request else 0, time.monotonic() - began_s)
        return request


def _check_job(request: storage_pb2.CreateAssetRequest, principal: Principal) -> None:
    """What a job made is stored with the token of that job, under the epoch of its claim; everything else without."""
    grant = principal.job
    if grant is None:
        if request.job_id or request.epoch or request.write_once_key:
            text = "only the worker of a job may set job_id, epoch and write_once_key"
            raise PermissionDeniedError("SERVICES_ONLY", text)
    elif (request.job_id, request.epoch) != (grant.job_id, grant.epoch) or not request.write_once_key.startswith(
        (grant.key_prefix, grant.shared_key_prefix) if grant.is_parent else grant.key_prefix
    ):
        raise PermissionDeniedError("JOB_TOKEN", "the token of a job stores files of that job and epoch alone")
