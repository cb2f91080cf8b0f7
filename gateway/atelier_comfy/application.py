"""Application: all routes, each also below /api, behind the check of origins."""

from collections.abc import Iterable, Sequence

import structlog
from aiohttp import web

from atelier_comfy.backend import PromptBackend
from atelier_comfy.client_socket import ClientSockets
from atelier_comfy.local_backend import status_message
from atelier_comfy.origin import Handler, OriginCheck
from atelier_comfy.outbox import Progress

logger = structlog.get_logger(__name__)

OPEN_SOCKETS = web.AppKey("open_sockets", ClientSockets)


class SocketRoute:
    """`/ws`."""

    def __init__(self, sockets: ClientSockets, backend: PromptBackend) -> None:
        self._sockets = sockets
        self._backend = backend

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serves a socket; its first messages are the length of the queue, and its client's running prompts."""
        remaining = await self._backend.remaining()

        def welcome(client_id: str) -> list[str | Progress]:
            return [status_message(remaining, client_id), *self._backend.now_running(client_id)]

        return await self._sockets.serve(request, welcome)


def make_application(
    routes: Iterable[web.RouteDef],
    *,
    api_only: Sequence[web.RouteDef],
    pages: Sequence[web.AbstractRouteDef],
    rest: Sequence[web.RouteDef],
    socket: SocketRoute,
    origin: OriginCheck,
    max_bytes: int,
) -> web.Application:
    """Puts the routes together.

    Args:
        routes: Served at their paths and below /api.
        api_only: Served only below /api.
        pages: The front end.
        rest: Match all other paths.
        socket: The WebSocket.
        origin: The check of origins.
        max_bytes: The largest body of a request, in bytes.
    """
    application = web.Application(client_max_size=max_bytes, middlewares=[origin.middleware, _errors, _uncached])
    every = [*routes, web.get("/ws", socket.serve)]
    application.add_routes(every)
    application.add_routes([_below_api(route) for route in (*every, *api_only)])
    application.add_routes(pages)
    application.add_routes(rest)
    return application


def _below_api(route: web.RouteDef) -> web.RouteDef:
    return web.route(route.method, f"/api{route.path}", route.handler, **route.kwargs)


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Logs an unexpected error and returns 500, without the server's paths."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except ConnectionError:
        raise  # the client has gone
    except Exception:
        logger.exception("a request failed", path=request.path)
        return web.json_response({"error": "the server failed to serve this request; its log says more"}, status=500)


@web.middleware
async def _uncached(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Sets `no-store` on responses of the API, so that browsers do not reuse them."""
    response = await handler(request)
    if not response.prepared and (request.path.startswith("/api/") or request.method != "GET"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response
