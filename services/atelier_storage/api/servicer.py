"""`atelier.storage.v1.StorageService`: reads a request, calls the library, writes the response."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any

import grpc.aio
import structlog
from google.api import httpbody_pb2
from google.protobuf import empty_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from prometheus_client import Counter, Histogram

from atelier.storage.v1 import storage_pb2, storage_pb2_grpc
from atelier_service.byte_range import UnsatisfiableRangeError, plan_content
from atelier_service.errors import (
    AtelierError,
    InternalError,
    InvalidArgumentError,
)
from atelier_service.http import request_header, set_http
from atelier_service.identity import Principal, current_principal
from atelier_service.paging import decode_token, encode_token, fitting, page_size
from atelier_service.url_signing import UrlSigner
from atelier_storage.api.content import content_headers
from atelier_storage.api.transfers import Transfers
from atelier_storage.api.uploads import IncomingUpload
from atelier_storage.domain.asset import Asset, Source
from atelier_storage.domain.library import Library
from atelier_storage.domain.pace import SlowestPace
from atelier_storage.domain.ports import BlobMissingError

_log = structlog.get_logger(__name__)

_Context = grpc.aio.ServicerContext[Any, Any]

_UPLOADS = Counter("atelier_storage_uploads_total", "Uploads by result: OK, or the reason of the refusal", ["result"])
_UPLOAD_SECONDS = Histogram(
    "atelier_storage_upload_seconds", "Seconds from the first message of an upload to its response",
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100),
)  # fmt: skip
_BYTES = Counter("atelier_storage_bytes_total", "Bytes of content taken in and given out", ["direction"])


class StorageServicer(storage_pb2_grpc.StorageServiceServicer):
    """Owners see their own assets only; the rest is NOT_FOUND."""

    def __init__(self, library: Library, transfers: Transfers, slowest: SlowestPace, urls: UrlSigner) -> None:
        self._library = library
        self._urls = urls
        self._transfers = transfers
        self._slowest = slowest

    async def CreateAsset(
        self, request_iterator: AsyncIterator[storage_pb2.CreateAssetRequest], context: _Context
    ) -> storage_pb2.Asset:
        """Takes in a file."""
        started, result = time.perf_counter(), "CANCELLED"
        try:
            asset = await self._store(request_iterator)
            result = "OK"
            return _message(asset)
        except AtelierError as error:
            result = error.reason
            raise
        except Exception:
            result = "INTERNAL"
            raise
        finally:
            _UPLOADS.labels(result).inc()
            _UPLOAD_SECONDS.observe(time.perf_counter() - started)

    async def _store(self, requests: AsyncIterator[storage_pb2.CreateAssetRequest]) -> Asset:
        principal = current_principal()
        with self._transfers.upload(principal):
            upload = IncomingUpload(aiter(requests), self._slowest)
            origin = await upload.open(principal)
            asset = await self._library.store(origin, upload.chunks())
        _BYTES.labels("in").inc(asset.blob.size_bytes)
        return asset

    async def ListAssets(
        self, request: storage_pb2.ListAssetsRequest, context: _Context
    ) -> storage_pb2.ListAssetsResponse:
        """Pages by the key of the last row, so nothing is skipped or repeated when assets come and go."""
        before = _position(request.page_token) if request.page_token else None
        size = page_size(request.page_size)
        source = Source(request.source) if request.source else None
        found = await self._library.page(current_principal().subject, source, before, size + 1)
        assets = fitting(map(_message, found[:size]))
        response = storage_pb2.ListAssetsResponse(assets=assets)
        if len(found) > len(assets):
            last = found[len(assets) - 1]
            response.next_page_token = encode_token(last.create_time_us, last.id)
        return await self._urls.signed(request, response)

    async def GetAsset(self, request: storage_pb2.GetAssetRequest, context: _Context) -> storage_pb2.Asset:
        """One asset of the caller."""
        asset = _message(await self._library.find(current_principal().subject, request.id))
        return await self._urls.signed(request, asset)

    async def GetAssetContent(
        self, request: storage_pb2.GetAssetContentRequest, context: _Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """The bytes, or a part; headers are sent with the first of them: without S3 it is a 503."""
        principal = current_principal()
        owner = principal.subject
        asset = await self._library.find(owner, request.id, visible=partial(_opens, principal))
        blob = asset.blob
        try:
            plan = plan_content(
                blob.size_bytes,
                blob.etag,
                range_=request_header(context, "range"),
                if_range=request_header(context, "if-range"),
                if_none_match=request_header(context, "if-none-match"),
            )
        except UnsatisfiableRangeError as error:
            # As trailers: an error without a message leaves as headers only, and the gateway maps those.
            context.set_trailing_metadata((("x-http-code", "416"), ("content-range", error.content_range)))
            raise
        headers = content_headers(asset, plan)
        body = httpbody_pb2.HttpBody(content_type=blob.content_type.value)
        if plan.status == 304:
            await set_http(context, 304, **headers)
            yield body  # empty, so that the gateway writes no body of its own
            return
        try:
            with self._transfers.download(principal):
                async with aclosing(self._library.read(blob, plan.offset, plan.length)) as chunks:
                    body.data = await anext(chunks)
                    await set_http(context, None if plan.status == 200 else plan.status, **headers)
                    yield body
                    _BYTES.labels("out").inc(len(body.data))
                    async for chunk in chunks:
                        yield httpbody_pb2.HttpBody(data=chunk)
                        _BYTES.labels("out").inc(len(chunk))
        except BlobMissingError as error:
            await self._library.find(owner, request.id)  # removed meanwhile: NOT_FOUND
            _log.error("an asset has lost its bytes", asset_id=asset.id, key=blob.key)
            raise InternalError("CONTENT_LOST", "the content is lost") from error

    async def DeleteAsset(self, request: storage_pb2.DeleteAssetRequest, context: _Context) -> empty_pb2.Empty:
        """Removes an asset of the caller."""
        await self._library.remove(current_principal().subject, request.id)
        return empty_pb2.Empty()

    async def DeleteJobAssets(
        self, request: storage_pb2.DeleteJobAssetsRequest, context: _Context
    ) -> storage_pb2.DeleteJobAssetsResponse:
        """For services: on behalf of a user within what is the user's, for themselves by the job alone."""
        principal = current_principal()
        owner = principal.subject if principal.actor else None
        count = await self._library.remove_job(owner, request.job_id, request.keep_epoch, request.up_to_epoch)
        return storage_pb2.DeleteJobAssetsResponse(deleted_count=count)


def _opens(principal: Principal, asset: Asset) -> bool:
    """Whether the credential opens this asset of its subject: the token of a job opens those of the job, that of
    a parent all."""
    grant = principal.job
    return grant is None or grant.is_parent or asset.id in grant.asset_ids or asset.origin.job_id == grant.job_id


def _position(page_token: str) -> tuple[int, str]:
    """The last row of the page before; raises InvalidArgumentError for a token of the caller's own making."""
    time_us, last_id = decode_token(page_token, 2)
    if not isinstance(time_us, int) or not isinstance(last_id, str) or not 0 <= time_us < 2**63:
        raise InvalidArgumentError.of_field("page_token", "is not one that a previous response gave")
    return time_us, last_id


def _message(asset: Asset) -> storage_pb2.Asset:
    blob, origin = asset.blob, asset.origin
    created = Timestamp()
    created.FromMicroseconds(asset.create_time_us)
    return storage_pb2.Asset(
        id=asset.id,
        filename=origin.filename,
        content_type=blob.content_type.value,
        size_bytes=blob.size_bytes,
        sha256=blob.sha256,
        width_px=blob.width_px,
        height_px=blob.height_px,
        source=storage_pb2.Asset.Source.ValueType(int(origin.source)),
        job_id=origin.job_id,
        create_time=created,
        content_url=f"/api/v1/assets/{asset.id}/content",
    )
