"""The whole service in this process, over real gRPC, with a real S3 server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from minio import Minio
from pydantic import SecretStr

from atelier.storage.v1 import storage_pb2
from atelier.storage.v1.storage_pb2_grpc import StorageServiceStub
from atelier_service.migrations.upgrade import upgrade
from atelier_storage.adapters.tables import SCHEMAS
from atelier_storage.main import serve
from atelier_storage.settings import StorageSettings
from tests.support.s3 import S3Server
from tests.support.tokens import TestSigner
from tests.support.wait import eventually

SIGNER = TestSigner()


@dataclass(frozen=True)
class Refusal:
    """A status, taken apart."""

    code: str
    reason: str
    message: str
    fields: tuple[str, ...]
    retry_s: float
    trailers: dict[str, Any]


def refusal(error: Any) -> Refusal:
    """What the caller was told; fails on a status without exactly one ErrorInfo."""
    status = rpc_status.from_call(error)
    assert status is not None, error
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    assert sum(detail.Unpack(info) for detail in status.details) == 1
    for detail in status.details:
        detail.Unpack(bad)
        detail.Unpack(retry)
    fields = tuple(v.field for v in bad.field_violations)
    retry_s = retry.retry_delay.ToNanoseconds() / 1e9
    code = error.code().name
    return Refusal(code, info.reason, status.message, fields, retry_s, dict(error.trailing_metadata() or ()))


@dataclass(frozen=True)
class Content:
    """An answer with bytes."""

    data: bytes
    content_type: str
    headers: dict[str, Any]
    chunks: int


class Client:
    """One caller."""

    def __init__(self, channel: grpc.aio.Channel, subject: str, **claims: Any) -> None:
        self.stub: Any = StorageServiceStub(channel)
        self.metadata = SIGNER.metadata(subject, **claims)

    async def upload(self, data: bytes, *, chunk: int = 2**20, **fields: Any) -> storage_pb2.Asset:
        async def requests() -> AsyncIterator[storage_pb2.CreateAssetRequest]:
            for at in range(0, max(1, len(data)), chunk):
                first = fields if at == 0 else {}
                yield storage_pb2.CreateAssetRequest(file=HttpBody(data=data[at : at + chunk]), **first)

        return await self.stub.CreateAsset(requests(), metadata=self.metadata, timeout=60)  # type: ignore[no-any-return]

    async def content(self, asset_id: str, **headers: str) -> Content:
        metadata = (*self.metadata, *((k.replace("_", "-"), v) for k, v in headers.items()))
        request = storage_pb2.GetAssetContentRequest(id=asset_id)
        call = self.stub.GetAssetContent(request, metadata=metadata, timeout=60)
        bodies = [body async for body in call]
        sent = dict(await call.initial_metadata())
        return Content(b"".join(b.data for b in bodies), bodies[0].content_type, sent, len(bodies))

    async def get(self, asset_id: str) -> storage_pb2.Asset:
        request = storage_pb2.GetAssetRequest(id=asset_id)
        return await self.stub.GetAsset(request, metadata=self.metadata, timeout=10)  # type: ignore[no-any-return]

    async def delete(self, asset_id: str) -> None:
        await self.stub.DeleteAsset(storage_pb2.DeleteAssetRequest(id=asset_id), metadata=self.metadata, timeout=10)

    async def delete_job(self, job_id: str, keep_epoch: int = 0) -> int:
        request = storage_pb2.DeleteJobAssetsRequest(job_id=job_id, keep_epoch=keep_epoch)
        answer = await self.stub.DeleteJobAssets(request, metadata=self.metadata, timeout=10)
        return int(answer.deleted_count)

    async def page(self, **fields: Any) -> storage_pb2.ListAssetsResponse:
        request = storage_pb2.ListAssetsRequest(**fields)
        return await self.stub.ListAssets(request, metadata=self.metadata, timeout=10)  # type: ignore[no-any-return]


class Worker(Client):
    """One claim of a job: a caller with the token of that job."""

    def __init__(
        self, channel: grpc.aio.Channel, subject: str, job_id: str, epoch: int, reads: tuple[str, ...]
    ) -> None:
        job = {"kind": "image", "id": job_id, "epoch": epoch, "assets": list(reads)}
        super().__init__(channel, subject, act={"sub": "service:image-worker"}, job=job)
        self._fields = {"job_id": job_id, "epoch": epoch}
        self._prefix = f"image/{job_id}/{epoch}/"

    async def store(self, data: bytes, name: str = "0", **fields: Any) -> storage_pb2.Asset:
        """A file of the job, called so among those of the claim."""
        return await self.upload(data, **{**self._fields, "write_once_key": self._prefix + name, **fields})


class Storage:
    """A running service, and the bucket that it keeps its blobs in."""

    def __init__(self, address: str, channel: grpc.aio.Channel, minio: Minio, settings: StorageSettings) -> None:
        self.address = address
        self.channel = channel
        self.minio = minio
        self.settings = settings

    def caller(self, subject: str = "ada", **claims: Any) -> Client:
        return Client(self.channel, subject, **claims)

    def worker(self, subject: str = "ada", job_id: str = "j", epoch: int = 1, *, reads: tuple[str, ...] = ()) -> Worker:
        """The worker that has claimed a job of a user, which reads these assets."""
        return Worker(self.channel, subject, job_id, epoch, reads)

    def service(self, subject: str = "ada") -> Client:
        """A service that acts on behalf of a user, for no job."""
        return Client(self.channel, subject, act={"sub": "service:image"})

    def keys(self) -> list[str]:
        """The keys of all blobs, as S3 has them."""
        return [str(o.object_name) for o in self.minio.list_objects(self.settings.s3_bucket, recursive=True)]


def settings_for(s3: S3Server, folder: Path, **changes: Any) -> StorageSettings:
    fields: dict[str, Any] = {
        "listen": "127.0.0.1:0",
        "database_url": f"sqlite:///{folder / 'storage.db'}",
        "s3_endpoint": s3.endpoint,
        "s3_access_key": s3.access_key,
        "s3_secret_key": SecretStr(s3.secret_key),
        "s3_bucket": s3.new_bucket(),
        "spool_dir": folder / "spool",
        "shutdown_grace_s": 1,
    }
    return StorageSettings(**(fields | changes))


@asynccontextmanager
async def running(s3: S3Server, settings: StorageSettings) -> AsyncIterator[Storage]:
    """The service, ready or not."""
    minio = Minio(s3.endpoint, access_key=s3.access_key, secret_key=s3.secret_key, secure=False, region="us-east-1")
    await upgrade(settings.database_url, SCHEMAS)
    async with serve(settings, SIGNER.jwks) as server, grpc.aio.insecure_channel(server.address) as channel:
        yield Storage(server.address, channel, minio, settings)
    minio._http.clear()


@pytest.fixture
async def storage(s3_server: S3Server, tmp_path: Path) -> AsyncIterator[Storage]:
    settings = settings_for(s3_server, tmp_path)
    async with running(s3_server, settings) as service:
        await eventually(lambda: service.minio.bucket_exists(settings.s3_bucket), what="the bucket")
        yield service
