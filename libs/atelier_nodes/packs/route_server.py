"""The route server: serves HTTP requests by the routes that packs registered, without a port."""

import asyncio
import http.client
import io
import socket
from collections.abc import Iterator, Sequence

from aiohttp import web

from atelier_nodes.packs.prompt_server import PROMPT_HANDLERS_PATH, PromptServer

_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "upgrade", "expect"}


class RouteServer:
    """Serves the routes of a prompt server, once all packs are loaded.

    Args:
        server: The server with the routes; no routes can be added after `start`.
    """

    def __init__(self, server: PromptServer) -> None:
        self._server = server
        self._runner = web.AppRunner(server.app, access_log=None, handle_signals=False)

    async def start(self) -> None:
        """Begins to serve on the running loop."""
        self._server.loop = asyncio.get_running_loop()
        self._server.app.add_routes(self._server.routes)
        if self._server.on_prompt_handlers:
            self._server.app.router.add_post(PROMPT_HANDLERS_PATH, self._apply_prompt_handlers)
        await self._runner.setup()

    async def _apply_prompt_handlers(self, request: web.Request) -> web.Response:
        return web.json_response(self._server.trigger_on_prompt(await request.json()))

    async def stop(self) -> None:
        """Ends running requests, and runs the packs' cleanups."""
        await self._runner.cleanup()

    def routes(self) -> Iterator[tuple[str, str]]:
        """Yields method and path pattern of each route; the method is `*` for all."""
        for route in self._server.app.router.routes():
            if route.resource is not None:
                yield route.method, route.resource.canonical

    async def respond(
        self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes, timeout_s: float = 60.0
    ) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        """Returns the response to a request: 404 if no pack serves it, 500 if a pack's code fails.

        Args:
            method: The HTTP method.
            target: Path and query, as in the request line.
            headers: Names and values.
            body: The whole body.
            timeout_s: How long the route may take, in seconds.

        Returns:
            Status, headers and the whole body.

        Raises:
            TimeoutError: The route took longer.
        """
        assert self._runner.server is not None, "it was started"
        ours, theirs = socket.socketpair()
        await asyncio.get_running_loop().connect_accepted_socket(self._runner.server, theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            writer.write(_request(method, target, headers, body))
            async with asyncio.timeout(timeout_s):
                received = await reader.read()
        finally:
            writer.close()
        return _response(method, received)


def _request(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    passed = [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]
    own = [("Host", "localhost"), ("Connection", "close"), ("Content-Length", str(len(body)))]
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in [*own, *passed])]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a request line or header holds a line break")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class _Received:
    """What a socket received, in the form that `HTTPResponse` reads."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def _response(method: str, received: bytes) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    response = http.client.HTTPResponse(_Received(received), method=method)  # type: ignore[arg-type]
    response.begin()
    body = response.read()
    headers = tuple((name, value) for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP)
    return response.status, headers, body
