"""Storage over gRPC: assets for API processes, and the files of jobs for workers."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import grpc
import grpc.aio
from google.api import httpbody_pb2

from atelier.storage.v1 import storage_pb2, storage_pb2_grpc
from atelier_service.channel import open_channel
from atelier_service.credentials import ServiceCredential
from atelier_service.errors import UnavailableError
from atelier_service.rpc_errors import from_rpc_error

CHUNK_BYTES = 1024 * 1024
_UPLOAD_DEADLINE_S = 60.0
# The slowest upload for which the deadline suffices.
_SLOWEST_BYTES_PER_S = 1e6
_CALL_DEADLINE_S = 10.0


class StorageAssets:
    """Assets of callers and of jobs, for an API process."""

    def __init__(self, caller: grpc.aio.Channel, service: grpc.aio.Channel) -> None:
        """Creates the adapter.

        Args:
            caller: A channel with the token of the caller being served.
            service: A channel with the service's own token.
        """
        self._caller = storage_pb2_grpc.StorageServiceStub(caller)
        self._service = storage_pb2_grpc.StorageServiceStub(service)

    async def delete_of_job(self, job_id: str, *, keep_epoch: int, up_to_epoch: int) -> None:
        """See Assets.delete_of_job."""
        request = storage_pb2.DeleteJobAssetsRequest(job_id=job_id, keep_epoch=keep_epoch, up_to_epoch=up_to_epoch)
        with _named_errors():
            await self._service.DeleteJobAssets(request, timeout=_UPLOAD_DEADLINE_S)

    async def get(self, asset_id: str) -> storage_pb2.Asset:
        """Returns an asset of the caller. Raises NotFoundError and other errors of storage."""
        with _named_errors():
            return await self._caller.GetAsset(storage_pb2.GetAssetRequest(id=asset_id), timeout=_CALL_DEADLINE_S)

    async def content_type(self, asset_id: str) -> str:
        """Returns the content type of an asset of the caller. Raises NotFoundError and other errors of storage."""
        return (await self.get(asset_id)).content_type

    async def read(self, asset_id: str) -> bytes:
        """Returns the content of a small asset of the caller. Raises NotFoundError and other errors of storage."""
        request = storage_pb2.GetAssetContentRequest(id=asset_id)
        with _named_errors():
            return await _all_of(self._caller.GetAssetContent(request, timeout=_CALL_DEADLINE_S))

    async def head(self, asset_id: str, length: int) -> bytes:
        """Returns the first `length` bytes of an asset of the caller, or all of a shorter one. Raises like `read`."""
        with _named_errors():
            return await _all_of(
                self.content(asset_id, [("range", f"bytes=0-{length - 1}")], timeout_s=_CALL_DEADLINE_S)
            )

    def content(
        self, asset_id: str, headers: Sequence[tuple[str, str]], *, timeout_s: float | None = None
    ) -> grpc.aio.UnaryStreamCall[storage_pb2.GetAssetContentRequest, httpbody_pb2.HttpBody]:
        """Streams the content of an asset of the caller.

        Args:
            asset_id: The asset.
            headers: HTTP headers of the request (`range`, `if-none-match`, …).
            timeout_s: Seconds after which the call ends; None for the caller's own patience.
        """
        request = storage_pb2.GetAssetContentRequest(id=asset_id)
        return self._caller.GetAssetContent(request, metadata=tuple(headers), timeout=timeout_s)


@asynccontextmanager
async def open_storage(address: str, credential: ServiceCredential) -> AsyncIterator[StorageAssets]:
    """Opens the channels of an API process to storage, at `host:port`."""
    async with (
        open_channel(address, token=credential.of_caller) as caller,
        open_channel(address, token=credential.token) as service,
    ):
        yield StorageAssets(caller, service)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file to be stored, given as bytes or by its path.

    A second upload with the same `write_once_key` and the same bytes returns the first asset.
    """

    job_id: str
    epoch: int
    write_once_key: str
    filename: str
    content_type: str
    content: bytes | Path


class JobStorage:
    """Stores and reads the files of jobs, each with the token of its job."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """Creates the adapter; every call has its own token, whatever token `channel` has."""
        self._stub = storage_pb2_grpc.StorageServiceStub(channel)

    async def store(self, upload: Upload, token: str) -> storage_pb2.Asset:
        """Stores a file.

        Args:
            upload: The file.
            token: The job token.

        Returns:
            The stored asset.

        Raises:
            AtelierError: UnavailableError and ResourceExhaustedError when a retry may succeed.
        """
        with _named_errors():
            metadata = _bearer(token)
            timeout_s = _UPLOAD_DEADLINE_S + await _size_bytes(upload.content) / _SLOWEST_BYTES_PER_S
            return await self._stub.CreateAsset(_messages(upload), timeout=timeout_s, metadata=metadata)

    async def read(self, asset_id: str, token: str) -> bytes:
        """Returns the content of a small asset, read with the job token. Raises AtelierError."""
        request = storage_pb2.GetAssetContentRequest(id=asset_id)
        with _named_errors():
            metadata = _bearer(token)
            return await _all_of(self._stub.GetAssetContent(request, metadata=metadata, timeout=_CALL_DEADLINE_S))


def _bearer(token: str) -> tuple[tuple[str, str]]:
    """Returns the metadata of a call. Raises UnavailableError without a token: a renewal of the lease may bring one."""
    if not token:
        raise UnavailableError("NO_JOB_TOKEN", "there is no token for the files of this job yet", retry_after_s=1.0)
    return (("authorization", f"Bearer {token}"),)


@contextmanager
def _named_errors() -> Iterator[None]:
    """Converts errors of storage to AtelierError."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error


async def _all_of(call: grpc.aio.UnaryStreamCall[storage_pb2.GetAssetContentRequest, httpbody_pb2.HttpBody]) -> bytes:
    try:
        return b"".join([chunk.data async for chunk in call])
    finally:
        call.cancel()


async def _messages(upload: Upload) -> AsyncIterator[storage_pb2.CreateAssetRequest]:
    """The fields and the first chunk, then the other chunks."""
    first = True
    async for data in _chunks(upload.content):
        file = httpbody_pb2.HttpBody(data=data)
        if first:
            file.content_type = upload.content_type
            yield storage_pb2.CreateAssetRequest(
                file=file,
                filename=upload.filename,
                job_id=upload.job_id,
                epoch=upload.epoch,
                write_once_key=upload.write_once_key,
            )
            first = False
        else:
            yield storage_pb2.CreateAssetRequest(file=file)


async def _size_bytes(content: bytes | Path) -> int:
    return len(content) if isinstance(content, bytes) else (await asyncio.to_thread(content.stat)).st_size


async def _chunks(content: bytes | Path) -> AsyncIterator[bytes]:
    """At least one, which may be empty."""
    if isinstance(content, bytes):
        view = memoryview(content)
        for start in range(0, max(1, len(view)), CHUNK_BYTES):
            yield bytes(view[start : start + CHUNK_BYTES])
        return
    file: BinaryIO = await asyncio.to_thread(content.open, "rb")
    try:
        data = await asyncio.to_thread(file.read, CHUNK_BYTES)
        yield data
        while data := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield data
    finally:
        file.close()
