"""A service that makes things and its worker, with all that they need: real auth, storage, S3 and NATS."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import grpc.aio
from pydantic import SecretStr

from atelier.jobs.v1 import job_pb2
from atelier_service.credentials import jwks_from
from atelier_service.identity import JwksSource
from atelier_service.migrations.schema import Schema
from atelier_service.migrations.upgrade import upgrade
from atelier_storage.adapters.tables import SCHEMAS as STORAGE_SCHEMAS
from atelier_storage.main import serve as serve_storage
from atelier_storage.settings import StorageSettings
from tests.service.auth.running_auth import (
    SHARED_SECRET,
    WORKER_SECRET,
    RunningAuth,
    auth_settings,
    new_dev_key,
    running_auth,
)
from tests.service.owner import Metadata, Owner
from tests.service.part import Part
from tests.support.nats import NatsServer
from tests.support.s3 import S3Server, free_ports
from tests.support.wait import eventually

ENDED = (job_pb2.SUCCEEDED, job_pb2.FAILED, job_pb2.CANCELED)

OwnerT = TypeVar("OwnerT", bound=Owner[Any])

# What serves a process, given the settings that depend on where the others are.
Serves = Callable[[dict[str, Any], JwksSource], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True)
class DrawingMesh(Generic[OwnerT]):
    """Its parts, which keep their files in `folder`; `worker` is not started yet.

    `caller` makes an owner of the channels to the service and to storage.
    """

    folder: Path
    auth: RunningAuth
    nats: NatsServer
    api: Part[Any]
    worker: Part[Any]
    storage: Part[Any]
    caller: Callable[[grpc.aio.Channel, grpc.aio.Channel, Metadata], OwnerT]
    channels: tuple[grpc.aio.Channel, grpc.aio.Channel]
    api_address: str
    storage_address: str

    async def owner(self, name: str = "ada") -> OwnerT:
        return self.caller(*self.channels, await self.auth.as_user(name))

    async def admin(self) -> OwnerT:
        return self.caller(*self.channels, await self.auth.as_dev())

    async def newcomer(self) -> OwnerT:
        """An owner who has nothing yet, for tests that share a mesh."""
        return await self.owner(f"user-{secrets.token_hex(6)}")

    async def settled(self, owner: OwnerT, *made: Any, untold: int = 0) -> None:
        """Waits until the owner has exactly the files of these: those that they tell of, and `untold` others."""
        told = {output.asset_id for one in made for output in one.outputs}

        async def only_those() -> bool:
            kept = await owner.asset_ids()
            return told <= kept and len(kept) == len(told) + untold

        await eventually(only_those, timeout_s=20, what="only the files that are referred to")


@asynccontextmanager
async def drawing_mesh(
    s3: S3Server,
    nats: NatsServer,
    folder: Path,
    caller: Callable[[grpc.aio.Channel, grpc.aio.Channel, Metadata], OwnerT],
    *,
    schemas: Sequence[Schema],
    api: Serves,
    worker: Serves,
) -> AsyncIterator[DrawingMesh[OwnerT]]:
    """Everything but the worker, which the test starts."""
    api_port, storage_port = free_ports(2)
    auth_settings_ = auth_settings(folder, new_dev_key())
    async with running_auth(auth_settings_) as auth:
        storage_settings = StorageSettings(
            listen=f"127.0.0.1:{storage_port}",
            auth_address=auth.address,
            database_url=f"sqlite:///{folder / 'storage.db'}",
            s3_endpoint=s3.endpoint,
            s3_access_key=s3.access_key,
            s3_secret_key=SecretStr(s3.secret_key),
            s3_bucket=s3.new_bucket(),
            spool_dir=folder / "spool",
            shutdown_grace_s=0.2,
        )
        common: dict[str, Any] = {
            "auth_address": auth.address,
            "storage_address": f"127.0.0.1:{storage_port}",
            "shutdown_grace_s": 0.2,
        }
        serve: dict[str, Any] = {
            "listen": f"127.0.0.1:{api_port}",
            "nats_url": nats.url,
            "database_url": f"sqlite:///{folder / 'jobs.db'}",
            "service_secret": SecretStr(SHARED_SECRET),
            "lease_hold_off_s": 3.0,
            "job_peers": "",
        }
        work: dict[str, Any] = {
            "plane_address": f"127.0.0.1:{api_port}", "service_secret": SecretStr(WORKER_SECRET),
            "listen": "127.0.0.1:0", "worker_id": "worker-1", "report_s": 0.5, "lease_s": 3.0, "job_grace_s": 0.1,
        }  # fmt: skip
        await upgrade(storage_settings.database_url, STORAGE_SCHEMAS)
        await upgrade(serve["database_url"], schemas)
        jwks = jwks_from(auth.address)
        parts = (
            Part(lambda: serve_storage(storage_settings, jwks)),
            Part(lambda: api(common | serve, jwks)),
            Part(lambda: worker(common | work, jwks)),
        )
        storage_part, api_part, worker_part = parts
        try:
            await storage_part.start()
            await api_part.start()
            async with (
                grpc.aio.insecure_channel(f"127.0.0.1:{api_port}") as service,
                grpc.aio.insecure_channel(f"127.0.0.1:{storage_port}") as storage,
            ):
                yield DrawingMesh(
                    folder,
                    auth,
                    nats,
                    api_part,
                    worker_part,
                    storage_part,
                    caller,
                    (service, storage),
                    f"127.0.0.1:{api_port}",
                    f"127.0.0.1:{storage_port}",
                )
        finally:
            for part in reversed(parts):
                await part.stop()
