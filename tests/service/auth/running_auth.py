"""The real service on a free port, and what tests ask of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from pydantic import SecretStr

from atelier.auth.v1 import auth_pb2, auth_pb2_grpc
from atelier_auth.adapters.tables import SCHEMAS
from atelier_auth.domain.api_key import KeyText
from atelier_auth.main import serve
from atelier_auth.settings import AuthSettings
from atelier_envoy_api.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from atelier_service.clock import Clock
from atelier_service.migrations.upgrade import upgrade

SHARED_SECRET = "the secret of the whole mesh"
WORKER_SECRET = "the secret of the worker alone"
_WORKERS = ("atelier-image-worker", "atelier-video-worker", "atelier-workflow-worker")

Metadata = tuple[tuple[str, str], ...]


def bearer(token: str) -> Metadata:
    """Call metadata with this token."""
    return (("authorization", f"Bearer {token}"),)


@dataclass(frozen=True)
class RunningAuth:
    """Stubs of the running service."""

    address: str
    dev_key: str
    auth: auth_pb2_grpc.AuthServiceStub
    authz: external_auth_pb2_grpc.AuthorizationStub

    async def check(self, key: str | None, **headers: str) -> external_auth_pb2.CheckResponse:
        """What the gateway is told about a request with this key; underscores in header names become dashes."""
        request = external_auth_pb2.CheckRequest()
        told = request.attributes.request.http.headers
        if key is not None:
            told["x-api-key"] = key
        for name, value in headers.items():
            told[name.replace("_", "-")] = value
        return await self.authz.Check(request)

    async def opens(self, key: str) -> bool:
        """Whether the key opens the gateway."""
        code: int = (await self.check(key)).status.code
        return code == 0

    async def token(self, key: str | None = None) -> str:
        """The token that a key (the development key when left out) is exchanged for."""
        answer = await self.check(key or self.dev_key)
        assert answer.status.code == 0, "the key was refused"
        headers = {option.header.key: option.header.value for option in answer.ok_response.headers}
        return headers["authorization"].removeprefix("Bearer ")

    async def as_dev(self) -> Metadata:
        """Call metadata of the development administrator."""
        return bearer(await self.token())

    async def new_key(self, by: Metadata, **fields: object) -> auth_pb2.CreateApiKeyResponse:
        """A key made by this caller."""
        request = auth_pb2.CreateApiKeyRequest(**{"display_name": "laptop", **fields})  # type: ignore[arg-type]
        return await self.auth.CreateApiKey(request, metadata=by)

    async def as_user(self, user_id: str) -> Metadata:
        """Call metadata of a user without the administrator's role, created when new."""
        return bearer(await self.token((await self.new_key(await self.as_dev(), user_id=user_id)).api_key))

    async def as_service(self, service: str = "atelier-image", secret: str = SHARED_SECRET) -> Metadata:
        """Call metadata of a service of the mesh."""
        request = auth_pb2.CreateServiceTokenRequest(service=service, secret=secret)
        return bearer((await self.auth.CreateServiceToken(request)).access_token)


def auth_settings(folder: Path, dev_key: str, database_url: str = "") -> AuthSettings:
    """Settings of a service that keeps its file in `folder`."""
    return AuthSettings(
        listen="127.0.0.1:0",
        database_url=database_url or f"sqlite:///{folder / 'auth.db'}",
        bootstrap_api_key=SecretStr(dev_key),
        service_secret=SecretStr(SHARED_SECRET),
        service_secrets={name: SecretStr(WORKER_SECRET) for name in _WORKERS},
        job_services=("atelier-image", "atelier-video", "atelier-workflow"),
        worker_services=_WORKERS,
        last_use_collect_s=0.05,
    )


@asynccontextmanager
async def running_auth(settings: AuthSettings, clock: Clock | None = None) -> AsyncIterator[RunningAuth]:
    """The composition of the real `main`, and a channel to it."""
    assert settings.bootstrap_api_key is not None
    await upgrade(settings.database_url, SCHEMAS)
    async with serve(settings, clock) as server, grpc.aio.insecure_channel(server.address) as channel:
        yield RunningAuth(
            server.address,
            settings.bootstrap_api_key.get_secret_value(),
            auth_pb2_grpc.AuthServiceStub(channel),
            external_auth_pb2_grpc.AuthorizationStub(channel),
        )


def new_dev_key() -> str:
    """A development key as the launcher writes one."""
    return KeyText.mint().text


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The reason in the one ErrorInfo of an error."""
    status = rpc_status.from_call(error)
    assert status is not None, f"{error.code()} without details"
    infos = [detail for detail in status.details if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
    assert len(infos) == 1
    info = error_details_pb2.ErrorInfo()
    infos[0].Unpack(info)
    assert info.domain == "atelier"
    return str(info.reason)
