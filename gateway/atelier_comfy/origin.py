"""Origin check: refuses requests from web pages of other sites, and on loopback requests with a foreign `Host`.

The server requires no credentials, so pages of other sites in a browser must not use it: such a page may not post a
prompt, nor read responses through a name that resolves to 127.0.0.1 (DNS rebinding). Clients other than browsers send
neither `Origin` nor `Sec-Fetch-Site`, and are not affected.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from atelier_comfy.options import is_loopback

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_METHODS = "GET, POST, PUT, DELETE, OPTIONS"


class OriginCheck:
    """Refuses requests from pages of another origin with 403."""

    def __init__(self, *, loopback_only: bool, allowed: str = "") -> None:
        """Creates the check.

        Args:
            loopback_only: True if the server is bound only to loopback: the `Host` must be a name of this machine.
            allowed: Another origin whose pages are allowed; `*` for any, empty for none.
        """
        self._loopback_only = loopback_only
        self._allowed = allowed

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The middleware in front of all routes."""
        refusal = self._refusal(request)
        if refusal is not None:
            return web.json_response({"error": refusal}, status=403)
        headers = self._cors_headers(request)
        if headers and request.method == hdrs.METH_OPTIONS:
            return web.Response(status=204, headers=headers)
        response = await handler(request)
        if not response.prepared:
            response.headers.update(headers)
        return response

    def _refusal(self, request: web.Request) -> str | None:
        host = urlsplit(f"//{request.headers.get(hdrs.HOST, '')}")
        if self._loopback_only and host.hostname and not is_loopback(host.hostname):
            return f"this server is for this machine alone, and {host.hostname} is not a name of it"
        origin = request.headers.get(hdrs.ORIGIN)
        if self._is_allowed(origin):
            return None
        if origin is not None:
            return (
                None if _same(origin, host.hostname, host.port, request.scheme) else "pages of other sites may not call"
            )
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            opened = request.method == hdrs.METH_GET and request.headers.get("Sec-Fetch-Mode") == "navigate"
            return None if opened else "pages of other sites may not call"
        return None

    def _is_allowed(self, origin: str | None) -> bool:
        return origin is not None and self._allowed in ("*", origin)

    def _cors_headers(self, request: web.Request) -> dict[str, str]:
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or not self._is_allowed(origin):
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": "Content-Type, Authorization, Comfy-User, Comfy-Usage-Source",
            "Vary": "Origin",
        }


def _same(origin: str, hostname: str | None, port: int | None, scheme: str) -> bool:
    """True if `origin` is this server's; all names of loopback with the same port are equal."""
    page = urlsplit(origin)
    try:
        page_port = page.port
    except ValueError:
        return False
    if page.hostname is None or hostname is None:
        return False
    if (page_port or _default_port(page.scheme)) != (port or _default_port(scheme)):
        return False
    return page.hostname == hostname or (is_loopback(page.hostname) and is_loopback(hostname))


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80
