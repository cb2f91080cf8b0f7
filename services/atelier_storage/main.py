"""atelier-storage: what it is made of, and how it starts."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import make_url

from atelier.storage.v1.storage_pb2_grpc import add_StorageServiceServicer_to_server
from atelier_service import process
from atelier_service.channel import open_channel
from atelier_service.clock import SystemClock
from atelier_service.credentials import jwks_from
from atelier_service.database import create_engine
from atelier_service.identity import JwksSource, TokenVerifier
from atelier_service.ids import uuid7
from atelier_service.migrations.schema import check_schemas
from atelier_service.revoked_keys import RevokedKeys
from atelier_service.server import RunningServer, run_server
from atelier_service.service import read_settings, run_service
from atelier_service.url_signing import UrlSigner
from atelier_storage.adapters.s3 import S3BlobStore
from atelier_storage.adapters.spool import FileSpool
from atelier_storage.adapters.sql import SqlAssetIndex
from atelier_storage.adapters.tables import SCHEMAS
from atelier_storage.api.servicer import StorageServicer
from atelier_storage.api.transfers import Transfers
from atelier_storage.domain.library import Library
from atelier_storage.domain.limits import Limits
from atelier_storage.domain.pace import SlowestPace
from atelier_storage.domain.readiness import Readiness
from atelier_storage.domain.sweep import Sweep
from atelier_storage.settings import StorageSettings


@asynccontextmanager
async def serve(settings: StorageSettings, jwks: JwksSource) -> AsyncIterator[RunningServer]:
    """Serves while the context is open; `jwks` fetches the keys that tokens are verified with.

    S3 may be unavailable at the start: calls that need it fail with UNAVAILABLE, and health is NOT_SERVING.
    """
    async with AsyncExitStack() as stack:
        _make_folders(settings)
        engine = create_engine(settings.database_url)
        stack.push_async_callback(engine.dispose)
        await check_schemas(engine, SCHEMAS)
        asset_index = SqlAssetIndex(engine)
        blobs = S3BlobStore(
            settings.s3_endpoint,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key.get_secret_value(),
            bucket=settings.s3_bucket,
            region=settings.s3_region,
            secure=settings.s3_secure,
            timeout_s=settings.s3_timeout_s,
        )
        stack.callback(blobs.close)
        clock = SystemClock()
        limits = Limits(settings.max_upload_bytes, settings.max_pixels)
        library = Library(asset_index, blobs, FileSpool(settings.spool_dir), limits, clock, uuid7)
        slowest = SlowestPace(settings.upload_idle_s, settings.upload_min_bytes_per_s, settings.upload_timeout_s)
        urls = UrlSigner(await stack.enter_async_context(open_channel(settings.auth_address)))
        servicer = StorageServicer(library, _transfers(settings), slowest, urls)
        readiness = Readiness(asset_index, blobs)
        await readiness.look()  # before the first call comes, if S3 is there already
        register = partial(add_StorageServiceServicer_to_server, servicer)
        revoked = RevokedKeys()
        server = await stack.enter_async_context(
            run_server(settings, register=register, verifier=TokenVerifier(jwks), revoked=revoked)
        )
        sweep = Sweep(asset_index, blobs, clock, settings.sweep_min_age_s)
        # Ended before the server is, or readiness would say SERVING again while it drains.
        background = process.background(
            readiness.watch(server.health.set_serving),
            sweep.keep(settings.sweep_interval_s, readiness.ready),
            revoked.run(settings.auth_address),
        )
        await stack.enter_async_context(background)
        yield server


def main() -> None:
    """The `atelier-storage` command."""
    settings = read_settings(StorageSettings, "atelier-storage")
    run_service(settings, "atelier-storage", lambda: serve(settings, jwks_from(settings.auth_address)))


def _transfers(settings: StorageSettings) -> Transfers:
    return Transfers(
        uploads=settings.max_uploads,
        uploads_per_owner=settings.max_uploads_per_owner,
        results=settings.max_result_uploads,
        downloads=settings.max_downloads,
        downloads_per_owner=settings.max_downloads_per_owner,
    )


def _make_folders(settings: StorageSettings) -> None:
    settings.spool_dir.mkdir(parents=True, exist_ok=True)
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
