"""Every route of the contracts, and every RPC itself, reaches its RPC."""

import contextlib
from typing import Any

import grpc.aio
import pytest

from atelier_gateway.contract import Method
from tests.gateway.mesh import Gateway, Upstream
from tests.gateway.routes import every_route, every_rpc

pytestmark = pytest.mark.asyncio(loop_scope="session")


@every_route
async def test_a_route_reaches_its_rpc(
    gateway: Gateway, upstream: Upstream, ada: dict[str, str], verb: str, path: str, method: Method
) -> None:
    upstream.called.paths.clear()

    await gateway.rest.request(verb, path, headers=ada)

    assert method.path in upstream.called.paths


@every_rpc
async def test_a_call_reaches_its_rpc(
    gateway: Gateway, upstream: Upstream, ada: dict[str, str], method: Method
) -> None:
    upstream.called.paths.clear()
    channel = gateway.channel
    kinds = {
        (False, False): channel.unary_unary,
        (True, False): channel.stream_unary,
        (False, True): channel.unary_stream,
    }
    kind: Any = kinds[method.streams_in, method.streams_out]

    call = kind(method.path)(iter([b""]) if method.streams_in else b"", metadata=tuple(ada.items()))
    with contextlib.suppress(grpc.aio.AioRpcError):  # not every RPC is implemented here
        await (call.read() if method.streams_out else call)
    call.cancel()

    assert method.path in upstream.called.paths
