"""Blobs on S3, through the (synchronous) minio client in threads of its own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from functools import partial
from itertools import islice
from typing import Any, BinaryIO, TypeVar

import structlog
import tenacity
import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import InvalidResponseError, S3Error, ServerError
from opentelemetry import trace
from opentelemetry.trace import StatusCode
from urllib3.exceptions import HTTPError

from atelier_service.client_spans import peer_attributes
from atelier_service.errors import UnavailableError
from atelier_service.telemetry import tracer
from atelier_storage.domain.ports import BlobMissingError

T = TypeVar("T")

_log = structlog.get_logger(__name__)

CHUNK_BYTES = 512 * 1024
_THREADS = 16
# What an upload reads of its file at once.
_BLOCK_BYTES = 128 * 1024
_BATCH = 500
_CONNECT_TIMEOUT_S = 2.0
# All calls below may be repeated: a key is written once, with one content.
_ATTEMPTS = 5


class S3BlobStore:
    """One bucket. `close` ends its threads and connections."""

    def __init__(
        self,
        endpoint: str,
        *,
        access_key: str,
        secret_key: str,
        bucket: str,
        region: str = "us-east-1",
        secure: bool = False,
        timeout_s: float = 10.0,
    ) -> None:
        timeout = urllib3.Timeout(connect=_CONNECT_TIMEOUT_S, read=timeout_s)
        self._pool = urllib3.PoolManager(maxsize=_THREADS, timeout=timeout, retries=False, blocksize=_BLOCK_BYTES)
        # Naming the region spares a question before the first call.
        self._client = Minio(
            endpoint, access_key=access_key, secret_key=secret_key, region=region, secure=secure, http_client=self._pool
        )
        self._bucket = bucket
        self._peer = peer_attributes(endpoint)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3")

    async def put(self, key: str, file: BinaryIO, size_bytes: int, content_type: str) -> None:
        """Stores `file` from its start, all or nothing.

        One signed PUT that streams, and not the client's multipart upload: that holds parts in memory, and one that was
        broken off stays in the bucket, where no listing shows it.
        """
        headers = {"content-length": str(size_bytes), "content-type": content_type}

        def _put() -> None:
            file.seek(0)
            url = self._client.presigned_put_object(self._bucket, key)
            response = self._pool.request("PUT", url, body=file, headers=headers, redirect=False)
            if response.status != 200:
                raise ServerError(f"PUT returned {response.status}", response.status)

        with self._span("PutObject", size_bytes):
            await self._persistently(_put)

    async def read(self, key: str, offset: int, length: int) -> AsyncGenerator[bytes, None]:
        """Streams a part; a connection that breaks half-way is taken up again where it broke."""
        # Not current: between two chunks the reader's code runs.
        span = self._start_span("GetObject", length)
        try:
            async with aclosing(self._read(key, offset, length)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except Exception as error:
            span.set_status(StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            span.end()

    async def _read(self, key: str, offset: int, length: int) -> AsyncGenerator[bytes, None]:
        sent, failures = 0, 0
        while sent < length:
            get = partial(self._client.get_object, self._bucket, key, offset=offset + sent, length=length - sent)
            response = await self._persistently(get)
            try:
                while chunk := await self._in_thread(partial(response.read, CHUNK_BYTES)):
                    sent, failures = sent + len(chunk), 0
                    yield chunk
            except UnavailableError:
                failures += 1
                if failures >= _ATTEMPTS:
                    raise
                _log.warning("taking up a broken read", sent_bytes=sent)
            finally:
                # Closed rather than drained when the reader has gone.
                if sent < length:
                    response.close()
                response.release_conn()

    async def delete(self, keys: Collection[str]) -> None:
        """Removes blobs; those that are not there are no error."""
        wanted = iter(sorted(keys))
        while batch := [DeleteObject(key) for key in islice(wanted, _BATCH)]:
            with self._span("DeleteObjects"):
                await self._persistently(partial(self._delete, batch))

    def _delete(self, batch: Sequence[DeleteObject]) -> None:
        for error in self._client.remove_objects(self._bucket, batch):
            raise _unavailable() from RuntimeError(f"{error.code}: {error.message}")

    async def older_than(self, time_us: int) -> AsyncIterator[Sequence[str]]:
        """All keys last written before `time_us`, in batches."""
        listing: Iterator[Any] = self._client.list_objects(self._bucket, recursive=True)
        while batch := await self._in_thread(lambda: list(islice(listing, _BATCH))):
            keys = [o.object_name for o in batch if o.last_modified.timestamp() * 1e6 < time_us]
            if keys:
                yield keys

    async def prepare(self) -> None:
        """Checks that S3 is available, and makes the bucket when it is missing."""
        await self._in_thread(self._prepare)

    def _prepare(self) -> None:
        if not self._client.bucket_exists(self._bucket):
            try:
                self._client.make_bucket(self._bucket)
            except S3Error as error:
                if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                    raise

    def close(self) -> None:
        """Ends threads and connections; work under way is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._pool.clear()

    @contextmanager
    def _span(self, operation: str, size_bytes: int = 0) -> Iterator[None]:
        with trace.use_span(self._start_span(operation, size_bytes), end_on_exit=True, record_exception=False):
            yield

    def _start_span(self, operation: str, size_bytes: int = 0) -> trace.Span:
        attributes: dict[str, str | int] = {
            "rpc.system": "aws-api", "rpc.service": "S3", "rpc.method": operation, "aws.s3.bucket": self._bucket,
            **self._peer,
        }  # fmt: skip
        if size_bytes:
            attributes["atelier.size_bytes"] = size_bytes
        return tracer().start_span(f"S3/{operation}", kind=trace.SpanKind.CLIENT, attributes=attributes)

    async def _persistently(self, work: Callable[[], T]) -> T:
        """Runs `work` in a thread, again when S3 stumbles, for some seconds at most."""
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(UnavailableError),
            stop=tenacity.stop_after_attempt(_ATTEMPTS) | tenacity.stop_after_delay(5),
            wait=tenacity.wait_exponential_jitter(multiplier=0.1, max=1.0, jitter=0.1),
            reraise=True,
        )
        try:
            return await retrying(self._in_thread, work)
        except UnavailableError as error:
            _log.warning("the blob store failed", error=repr(error.__cause__))
            raise

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except S3Error as error:
            if error.code == "NoSuchKey":
                raise BlobMissingError from error
            _log.debug("S3 refused", code=error.code)
            raise _unavailable() from error
        except (HTTPError, OSError, ServerError, InvalidResponseError) as error:
            _log.debug("S3 is unavailable", error=type(error).__name__)
            raise _unavailable() from error


def _unavailable() -> UnavailableError:
    return UnavailableError("BLOB_STORE_UNAVAILABLE", "the blob store is not available", retry_after_s=2.0)
