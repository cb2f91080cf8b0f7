"""Calls over REST: JSON bodies, NDJSON streams, raw bytes, and the WebSocket for all events."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx2
from google.api.httpbody_pb2 import HttpBody
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor

from atelier.events.v1.events_pb2 import Event, SubscribeRequest
from atelier_client import api_status, event_socket, message_json
from atelier_client.errors import AtelierApiError, CannotReachError
from atelier_client.route import RestRequest, Route
from atelier_client.rpc import Req, Res, Rpc

_CONNECT_S = 5.0


class RestTransport:
    """Transport over REST to the gateway at `url` (such as `http://127.0.0.1:8080`); `api_key` may be empty.

    Raises ValueError for an invalid URL.
    """

    def __init__(self, url: str, api_key: str) -> None:
        try:
            parsed = urlsplit(url)
            usable = parsed.scheme in ("http", "https") and bool(parsed.hostname) and parsed.port != 0
        except ValueError as error:
            raise ValueError(f"{url!r} is not a URL: {error}") from None
        if not usable or parsed.query or parsed.fragment or any(character.isspace() for character in url):
            raise ValueError(f"{url!r} is not the URL of a gateway, such as http://127.0.0.1:8080")
        self._url = self.base_url = url.rstrip("/")
        self._headers = {"x-api-key": api_key} if api_key else {}
        self._http = httpx2.AsyncClient(base_url=self._url, headers=self._headers)

    async def call(self, rpc: Rpc[Req, Res], request: Req, *, metadata: Mapping[str, str], timeout_s: float) -> Res:
        """See `Transport.call`."""
        rendered = _route(rpc.method).render(request)
        async with self._open(rendered, headers=metadata, read_s=timeout_s) as response:
            return _parse(await response.aread(), rpc.response_type)

    async def stream(self, rpc: Rpc[Req, Res], request: Req, *, idle_s: float) -> AsyncGenerator[Res]:
        """See `Transport.stream`. An RPC that returns HttpBody yields the bytes as they arrive."""
        rendered = _route(rpc.method).render(request)
        async with self._open(rendered, headers={}, read_s=idle_s) as response:
            if issubclass(rpc.response_type, HttpBody):
                content_type = response.headers.get("content-type", "")
                async for chunk in response.aiter_bytes():
                    yield rpc.response_type(content_type=content_type, data=chunk)
                return
            async for line in response.aiter_lines():
                if line.strip():
                    yield _parse(line.encode(), rpc.response_type)

    async def upload(self, rpc: Rpc[Req, Res], first: Req, chunks: AsyncIterable[bytes], *, timeout_s: float) -> Res:
        """See `Transport.upload`: the body is the file."""
        rendered = _route(rpc.method).render(first)
        file = rendered.body or {}
        headers = {"content-type": file.get("content_type") or "application/octet-stream"}
        async with self._open(rendered, headers=headers, read_s=timeout_s, content=chunks) as response:
            return _parse(await response.aread(), rpc.response_type)

    def events(self, request: SubscribeRequest, *, idle_s: float) -> AsyncGenerator[Event]:
        """See `Transport.events`: through the WebSocket."""
        return event_socket.listen(self._url, self._headers, request, idle_s=idle_s)

    async def close(self) -> None:
        """See `Transport.close`."""
        await self._http.aclose()

    @asynccontextmanager
    async def _open(
        self,
        request: RestRequest,
        *,
        headers: Mapping[str, str],
        read_s: float,
        content: AsyncIterable[bytes] | None = None,
    ) -> AsyncIterator[httpx2.Response]:
        """Returns the response to `request` with its body unread. Raises the error of an error response."""
        arguments: dict[str, Any] = {"content": content} if content is not None else {}
        if content is None and request.body is not None:
            arguments["json"] = request.body
        try:
            async with self._http.stream(
                request.verb,
                request.target,
                headers=dict(headers),
                timeout=httpx2.Timeout(read_s, connect=_CONNECT_S),
                **arguments,
            ) as response:
                if not response.is_success:
                    names = {name.lower(): value for name, value in response.headers.items()}
                    raise api_status.from_http(response.status_code, names, await response.aread())
                yield response
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise CannotReachError(f"cannot reach {self._url}: {_reason(error)}", delivered=False) from error
        except httpx2.ReadTimeout as error:
            raise CannotReachError(f"{self._url} said nothing for {read_s:g} s", delivered=True) from error
        except httpx2.RequestError as error:
            raise CannotReachError(f"the connection to {self._url} broke: {_reason(error)}", delivered=True) from error


@cache
def _route(method: MethodDescriptor) -> Route:
    return Route.of(method)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _parse(body: bytes, kind: type[Res]) -> Res:
    """Parses `body` as a message; unknown fields are ignored."""
    try:
        return message_json.parse(body or b"{}", kind)
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise AtelierApiError(
            "INTERNAL",
            "NOT_ATELIER",
            f"the answer is no {kind.DESCRIPTOR.full_name}: is this really Atelier's gateway?",
        ) from error
