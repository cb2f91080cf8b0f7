"""Real adapters for the ports of storage."""

from collections.abc import AsyncIterator

import pytest

from atelier_service.database import create_engine
from atelier_service.migrations.upgrade import upgrade
from atelier_storage.adapters.s3 import S3BlobStore
from atelier_storage.adapters.sql import SqlAssetIndex
from atelier_storage.adapters.tables import SCHEMAS
from tests.support.s3 import S3Server


@pytest.fixture
async def asset_index(database_url: str) -> AsyncIterator[SqlAssetIndex]:
    await upgrade(database_url, SCHEMAS)
    engine = create_engine(database_url)
    yield SqlAssetIndex(engine, batch=10)
    await engine.dispose()


@pytest.fixture
async def blobs(s3_server: S3Server) -> AsyncIterator[S3BlobStore]:
    store = S3BlobStore(
        s3_server.endpoint,
        access_key=s3_server.access_key,
        secret_key=s3_server.secret_key,
        bucket=s3_server.new_bucket(),
    )
    await store.prepare()
    yield store
    store.close()
