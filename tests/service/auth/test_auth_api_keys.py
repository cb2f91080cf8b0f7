"""API keys over gRPC: made, shown once, listed, revoked, and by whom."""

from pathlib import Path

import grpc
import pytest
from tests.service.auth.running_auth import RunningAuth, auth_settings, new_dev_key, reason_of, running_auth
from tests.support.wait import eventually

from atelier.auth.v1 import auth_pb2


async def test_the_development_key_is_an_administrators_from_the_first_moment(auth: RunningAuth) -> None:
    keys = (await auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=await auth.as_dev())).keys
    assert [(key.user_id, key.admin, key.display_name) for key in keys] == [("dev", True, "development key")]
    assert auth.dev_key.startswith(keys[0].prefix)


async def test_a_new_key_works_at_once_and_is_shown_once(auth: RunningAuth) -> None:
    dev = await auth.as_dev()
    made = await auth.new_key(dev, display_name="Bürorechner", expires_in_s=3600)
    assert await auth.opens(made.api_key)
    assert made.api_key.startswith(made.key.prefix)
    assert made.key.expire_time.seconds - made.key.create_time.seconds == 3600
    listed = await auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=dev)
    listed.keys[0].ClearField("last_use_time")  # it was used already, and that is told some time later
    assert listed.keys[0] == made.key
    assert made.api_key.split("_", 2)[2].encode() not in listed.SerializeToString()


def read_all(folder: Path) -> list[bytes]:
    """Every file of the database."""
    return [file.read_bytes() for file in folder.glob("auth.db*")]


async def test_the_secret_is_not_on_the_disk(auth: RunningAuth, tmp_path: Path) -> None:
    made = await auth.new_key(await auth.as_dev())
    stored = b"".join(read_all(tmp_path))
    assert made.key.id.encode() in stored
    assert made.api_key.split("_", 2)[2].encode() not in stored
    assert auth.dev_key.split("_", 2)[2].encode() not in stored


def modes(folder: Path) -> dict[str, str]:
    """The access rights of every file of the database."""
    return {file.name: oct(file.stat().st_mode & 0o777) for file in folder.glob("auth.db*")}


async def test_the_database_file_is_readable_by_its_owner_alone(auth: RunningAuth, tmp_path: Path) -> None:
    await auth.new_key(await auth.as_dev())
    assert modes(tmp_path) == {"auth.db": "0o600", "auth.db-shm": "0o600", "auth.db-wal": "0o600"}


async def test_a_revoked_key_is_refused_at_once_and_makes_no_more_tokens(auth: RunningAuth) -> None:
    dev = await auth.as_dev()
    made = await auth.new_key(dev)
    own = (("authorization", f"Bearer {await auth.token(made.api_key)}"),)
    await auth.auth.DeleteApiKey(auth_pb2.DeleteApiKeyRequest(id=made.key.id), metadata=dev)
    assert not await auth.opens(made.api_key)
    for call in (
        auth.auth.CreateToken(auth_pb2.CreateTokenRequest(), metadata=own),
        auth.auth.CreateApiKey(auth_pb2.CreateApiKeyRequest(display_name="back door"), metadata=own),
        auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=own),
        auth.auth.DeleteApiKey(auth_pb2.DeleteApiKeyRequest(id=made.key.id), metadata=own),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert reason_of(raised.value) == "API_KEY_REQUIRED"


async def test_a_key_of_another_owner_is_not_found_exactly_like_a_missing_one(auth: RunningAuth) -> None:
    ada = await auth.as_user("ada")
    made = await auth.new_key(ada)
    eve = await auth.as_user("eve")
    answers = []
    for key_id in (made.key.id, "0000000000000000", "x", "' OR 1=1 --"):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await auth.auth.DeleteApiKey(auth_pb2.DeleteApiKeyRequest(id=key_id), metadata=eve)
        answers.append((raised.value.code(), raised.value.details(), reason_of(raised.value)))
    assert set(answers) == {(grpc.StatusCode.NOT_FOUND, "there is no such API key", "API_KEY_NOT_FOUND")}
    assert await auth.opens(made.api_key)
    listed = await auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=eve)
    assert {key.user_id for key in listed.keys} == {"eve"}


@pytest.mark.parametrize("fields", [{"user_id": "eve"}, {"user_id": "nobody-yet"}, {"admin": True}])
async def test_a_user_gives_no_key_to_others_and_no_administrators_role(
    auth: RunningAuth, fields: dict[str, object]
) -> None:
    ada = await auth.as_user("ada")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.new_key(ada, **fields)
    assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert reason_of(raised.value) == "ADMIN_REQUIRED"


async def test_a_user_may_name_herself(auth: RunningAuth) -> None:
    made = await auth.new_key(await auth.as_user("ada"), user_id="ada")
    assert (made.key.user_id, made.key.admin) == ("ada", False)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"display_name": ""}, "display_name"),
        ({"display_name": "x" * 101}, "display_name"),
        ({"user_id": "Ada"}, "user_id"),
        ({"user_id": "service:atelier-image"}, "user_id"),
        ({"user_id": "a/../b"}, "user_id"),
        ({"expires_in_s": 2**32 - 1}, "expires_in_s"),
    ],
)
async def test_a_field_that_breaks_its_rule_is_named(auth: RunningAuth, fields: dict[str, object], field: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.new_key(await auth.as_dev(), **fields)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert field in (raised.value.details() or "")


async def test_a_user_has_at_most_100_keys(auth: RunningAuth) -> None:
    ada = await auth.as_user("ada")
    for _ in range(99):
        last = await auth.new_key(ada)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.new_key(ada)
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason_of(raised.value) == "API_KEY_LIMIT"
    await auth.auth.DeleteApiKey(auth_pb2.DeleteApiKeyRequest(id=last.key.id), metadata=ada)
    await auth.new_key(ada)


async def test_pages_hold_every_key_once_newest_first(auth: RunningAuth) -> None:
    ada = await auth.as_user("ada")
    made = [(await auth.new_key(ada)).key.id for _ in range(6)]
    seen: list[str] = []
    token = ""
    while True:
        request = auth_pb2.ListApiKeysRequest(page_size=3, page_token=token)
        page = await auth.auth.ListApiKeys(request, metadata=ada)
        seen += [key.id for key in page.keys]
        token = page.next_page_token
        if not token:
            break
    assert seen[:6] == made[::-1]
    assert len(seen) == len(set(seen)) == 7


@pytest.mark.parametrize("token", ["x", "WzEsMl0", "WyJhIiwiYiJd", "Wy0xLCJhIl0", "[[", "A" * 512, "é"])
async def test_a_page_token_of_the_callers_own_making_is_an_invalid_argument(auth: RunningAuth, token: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(page_token=token), metadata=await auth.as_dev())
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_the_last_use_is_precise_to_the_minute(auth: RunningAuth) -> None:
    dev = await auth.as_dev()

    async def last_use_s() -> int:
        keys = (await auth.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=dev)).keys
        return keys[0].last_use_time.seconds

    used_s: int = await eventually(last_use_s)
    assert used_s % 60 == 0


async def test_keys_users_and_signing_keys_are_there_after_a_restart(tmp_path: Path) -> None:
    settings = auth_settings(tmp_path, new_dev_key())
    async with running_auth(settings) as before:
        dev = await before.as_dev()
        made = await before.new_key(dev, user_id="ada")
        token = await before.token(made.api_key)
    async with running_auth(settings) as after:
        assert await after.opens(made.api_key)
        metadata = (("authorization", f"Bearer {token}"),)
        assert len((await after.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=metadata)).keys) == 1


async def test_a_changed_development_key_revokes_nothing_and_a_revoked_one_stays_revoked(tmp_path: Path) -> None:
    first, second = new_dev_key(), new_dev_key()
    async with running_auth(auth_settings(tmp_path, first)) as auth:
        assert await auth.opens(first)
    async with running_auth(auth_settings(tmp_path, second)) as auth:
        assert await auth.opens(first)
        assert await auth.opens(second)
        request = auth_pb2.DeleteApiKeyRequest(id=first.split("_")[1])
        await auth.auth.DeleteApiKey(request, metadata=await auth.as_dev())
    async with running_auth(auth_settings(tmp_path, first)) as auth:
        assert not await auth.opens(first)
        assert await auth.opens(second)
