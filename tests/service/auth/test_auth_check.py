"""The gateway's question: whose key is this?"""

import grpc
import pytest
from prometheus_client import REGISTRY
from tests.service.auth.running_auth import RunningAuth, new_dev_key

from atelier.auth.v1 import auth_pb2
from atelier_envoy_api.config.core.v3 import base_pb2
from atelier_envoy_api.service.auth.v3 import external_auth_pb2


async def test_a_good_key_becomes_a_token_and_leaves_the_request(auth: RunningAuth) -> None:
    answer = await auth.check(auth.dev_key)
    assert answer.status.code == 0
    options = {option.header.key: option for option in answer.ok_response.headers}
    assert set(options) == {"authorization", "x-atelier-subject"}
    assert options["authorization"].header.value.startswith("Bearer ey")
    assert options["x-atelier-subject"].header.value == "dev"
    # What the client sent under these names is overwritten, never appended to.
    overwrite = base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    assert {option.append_action for option in options.values()} == {overwrite}
    assert list(answer.ok_response.headers_to_remove) == ["x-api-key"]


BAD_KEYS = {
    "none": None,
    "empty": "",
    "no key": "hunter2",
    "unknown": "atl_0000000000000000_" + "x" * 43,
    "two": "atl_0000000000000000_" + "x" * 43 + ",atl_0000000000000000_" + "x" * 43,
    "huge": "atl_" + "x" * 1_000_000,
    "not ASCII": "atl_0000000000000000_" + "ß" * 43,
    "SQL": "atl_' OR '1'='1_" + "x" * 43,
}


@pytest.mark.parametrize("bad", BAD_KEYS)
async def test_every_bad_key_gets_the_same_401(auth: RunningAuth, bad: str) -> None:
    answer = await auth.check(BAD_KEYS[bad])
    assert answer == await auth.check(None)
    assert answer.status.code == 16
    denied = answer.denied_response
    assert denied.status.code == 401
    headers = {option.header.key: option.header.value for option in denied.headers}
    assert headers == {"www-authenticate": 'Bearer realm="atelier"'}
    assert denied.body == "a valid API key or token is needed"  # the gateway makes JSON of it, as of every answer


async def test_the_right_id_with_a_wrong_secret_gets_the_same_401(auth: RunningAuth) -> None:
    key_id = auth.dev_key.split("_")[1]
    answer = await auth.check(f"atl_{key_id}_{new_dev_key().split('_')[2]}")
    assert answer == await auth.check(None)
    assert await auth.opens(auth.dev_key)


async def test_a_check_of_nothing_is_denied(auth: RunningAuth) -> None:
    assert (await auth.authz.Check(external_auth_pb2.CheckRequest())).status.code == 16


async def test_plain_headers_do_not_authenticate(auth: RunningAuth) -> None:
    token = await auth.token()
    answer = await auth.check(None, authorization=f"Bearer {token}", x_atelier_subject="dev")
    assert answer.status.code == 16


async def test_a_web_socket_is_authenticated_like_every_request(auth: RunningAuth) -> None:
    upgrade = {"upgrade": "websocket", "connection": "upgrade", ":path": "/ws/v1/events"}
    assert (await auth.check(None, **upgrade)).status.code == 16
    assert (await auth.check(auth.dev_key, **upgrade)).status.code == 0


async def test_a_revoked_key_is_denied_in_the_next_check(auth: RunningAuth) -> None:
    dev = await auth.as_dev()
    for _ in range(20):
        made = await auth.new_key(dev)
        assert await auth.opens(made.api_key)
        await auth.auth.DeleteApiKey(auth_pb2.DeleteApiKeyRequest(id=made.key.id), metadata=dev)
        assert not await auth.opens(made.api_key)


async def test_a_header_beyond_the_message_limit_is_refused_and_the_service_lives_on(auth: RunningAuth) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await auth.check("x" * 5_000_000)
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await auth.opens(auth.dev_key)


async def test_checks_are_counted_by_what_came_of_them(auth: RunningAuth) -> None:
    def count(result: str) -> float:
        return REGISTRY.get_sample_value("atelier_auth_checks_total", {"result": result}) or 0.0

    results = ("granted", "missing", "malformed", "unknown", "wrong_secret")
    before = {result: count(result) for result in results}
    await auth.check(auth.dev_key)
    await auth.check(None)
    await auth.check("hunter2")
    await auth.check("atl_0000000000000000_" + "x" * 43)
    await auth.check(f"atl_{auth.dev_key.split('_')[1]}_" + "x" * 43)
    assert {result: count(result) - before[result] for result in results} == dict.fromkeys(results, 1.0)
