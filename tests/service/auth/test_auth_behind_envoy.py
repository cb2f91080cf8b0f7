"""A real Envoy asks the real service: what clients of either protocol see."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.service.auth.running_auth import RunningAuth, new_dev_key, reason_of
from tests.support.wait import eventually

from atelier.auth.v1 import auth_pb2, auth_pb2_grpc

_TYPE = "type.googleapis.com/envoy.extensions"


def envoy_config(listen_path: str, auth_address: str) -> dict[str, Any]:
    """A gateway of one route and one filter: everything goes to auth, and auth is asked about everything."""
    host, _, port = auth_address.rpartition(":")
    http2 = {
        "@type": f"{_TYPE}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    endpoint = {"address": {"socket_address": {"address": host, "port_value": int(port)}}}
    cluster = {
        "name": "auth",
        "type": "STATIC",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
        "load_assignment": {"cluster_name": "auth", "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
    }
    ext_authz = {
        "@type": f"{_TYPE}.filters.http.ext_authz.v3.ExtAuthz",
        "transport_api_version": "V3",
        "status_on_error": {"code": 503},
        "grpc_service": {"envoy_grpc": {"cluster_name": "auth"}, "timeout": "5s"},
    }
    manager = {
        "@type": f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "auth",
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "auth"}}]}
            ]
        },
        "http_filters": [
            {"name": "envoy.filters.http.ext_authz", "typed_config": ext_authz},
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPE}.filters.http.router.v3.Router"},
            },
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    listener = {
        "name": "all",
        "address": {"pipe": {"path": listen_path}},
        "filter_chains": [{"filters": filters}],
    }
    return {"static_resources": {"clusters": [cluster], "listeners": [listener]}}


@dataclass(frozen=True)
class Gateway:
    """Envoy's socket, and a stub through it."""

    path: str
    auth: auth_pb2_grpc.AuthServiceStub

    async def get(self, *headers: str) -> tuple[int, str]:
        """Status and body of an HTTP/1.1 request."""
        reader, writer = await asyncio.open_unix_connection(self.path)
        lines = ["GET /x HTTP/1.1", "host: test", "connection: close", *headers, "", ""]
        writer.write("\r\n".join(lines).encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        return int(head.split()[1]), body.decode()


@pytest.fixture
async def gateway(auth: RunningAuth) -> AsyncIterator[Gateway]:
    """A real Envoy on a socket, under /tmp by name: a socket's path may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="envoy", dir="/tmp") as folder:
        path, config, log = (Path(folder) / name for name in ("s", "config.json", "log"))
        config.write_text(json.dumps(envoy_config(str(path), auth.address)))
        command = [str(Path(sys.executable).parent / "envoy"), "-c", str(config), "--log-path", str(log)]
        envoy = await asyncio.create_subprocess_exec(*command, "--concurrency", "1", "--use-dynamic-base-id")
        try:
            await eventually(path.exists, timeout_s=30)
            async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
                await asyncio.wait_for(channel.channel_ready(), 30)
                yield Gateway(str(path), auth_pb2_grpc.AuthServiceStub(channel))
        finally:
            envoy.terminate()
            await envoy.wait()


async def test_a_key_goes_in_and_a_token_comes_out_whatever_else_the_client_sent(
    gateway: Gateway, auth: RunningAuth
) -> None:
    metadata = (("x-api-key", auth.dev_key), ("authorization", "Bearer forged"), ("x-atelier-subject", "root"))
    answer = await gateway.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=metadata)
    assert [key.user_id for key in answer.keys] == ["dev"]


@pytest.mark.parametrize("metadata", [(), (("x-api-key", "hunter2"),), (("x-api-key", new_dev_key()),)])
async def test_a_grpc_client_without_a_good_key_gets_a_grpc_status_with_its_reason(
    gateway: Gateway, metadata: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await gateway.auth.ListApiKeys(auth_pb2.ListApiKeysRequest(), metadata=metadata)
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert raised.value.details() == "a valid API key or token is needed"
    assert reason_of(raised.value) == "UNAUTHENTICATED"


@pytest.mark.parametrize("headers", [(), ("x-api-key: hunter2",), ("x-api-key: " + "x" * 20_000,)])
async def test_an_http_client_without_a_good_key_gets_401_and_a_sentence(
    gateway: Gateway, headers: tuple[str, ...]
) -> None:
    status, body = await gateway.get(*headers)
    assert status == 401
    assert body == "a valid API key or token is needed"


async def test_a_second_key_in_the_same_request_makes_both_worthless(gateway: Gateway, auth: RunningAuth) -> None:
    key = f"x-api-key: {auth.dev_key}"
    assert (await gateway.get(key, key))[0] == 401
    assert (await gateway.get(key))[0] != 401
