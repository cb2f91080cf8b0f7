"""The database goes away and comes back."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import grpc
import pytest
from tests.service.auth.running_auth import RunningAuth, auth_settings, new_dev_key, reason_of, running_auth
from tests.service.auth.severable_link import SeverableLink
from tests.support.wait import eventually

from atelier.auth.v1 import auth_pb2
from atelier_auth.main import serve
from atelier_service.clock import FakeClock, SystemClock
from atelier_service.errors import UnavailableError


@pytest.fixture
async def link(postgres_server: str) -> AsyncIterator[SeverableLink]:
    """A link to a real PostgreSQL, under /tmp by name: a socket's path may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="link", dir="/tmp") as folder:
        link = SeverableLink(postgres_server, Path(folder))
        connection = await asyncpg.connect(host=postgres_server, user="postgres", database="postgres")
        await connection.execute("DROP DATABASE IF EXISTS auth_link")
        await connection.execute("CREATE DATABASE auth_link")
        await connection.close()
        await link.mend()
        yield link
        await link.cut()


async def test_without_its_database_the_service_is_unavailable_without_details(
    link: SeverableLink, tmp_path: Path
) -> None:
    clock = FakeClock(SystemClock().now_us())
    async with running_auth(auth_settings(tmp_path, new_dev_key(), link.url), clock) as auth:
        dev = await auth.as_dev()
        await link.cut()
        assert await auth.opens(auth.dev_key), "a key that was known a moment ago still opens"
        clock.advance(6)
        for call in (
            auth.check(auth.dev_key),
            auth.check(new_dev_key()),
            auth.new_key(dev),
            auth.auth.CreateToken(auth_pb2.CreateTokenRequest(), metadata=dev),
            auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=dev),
            auth.auth.DeleteApiKey(auth_pb2.DeleteApiKeyRequest(id="x"), metadata=dev),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
            assert reason_of(raised.value) == "DATABASE_UNAVAILABLE"
            assert raised.value.details() == "the key store cannot be reached"
        assert not (await auth.check("hunter2")).ok_response.headers, "what is no key needs no database to be refused"
        clock.advance(3_600)
        assert (await auth.auth.GetJwks(auth_pb2.GetJwksRequest())).keys, "the mesh still verifies tokens"

        await link.mend()

        async def opens_again() -> bool:
            return await opens(auth)

        opened: bool = await eventually(opens_again)
        assert opened


async def opens(auth: RunningAuth) -> bool:
    """Whether the development key opens; an absent database is no answer yet."""
    try:
        return await auth.opens(auth.dev_key)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return False


async def test_without_a_database_the_service_does_not_start(link: SeverableLink, tmp_path: Path) -> None:
    await link.cut()
    with pytest.raises(UnavailableError):
        async with serve(auth_settings(tmp_path, new_dev_key(), link.url)):
            pytest.fail("it serves")
    await link.mend()
