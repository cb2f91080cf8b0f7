"""The WebSocket on which the gateway sends every event of the caller."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from urllib.parse import urlencode

from google.protobuf import json_format

from atelier.events.v1.events_pb2 import Event, SubscribeRequest
from atelier_client import api_status, message_json
from atelier_client.errors import AtelierApiError, CannotReachError

PATH = "/ws/v1/events"
# RFC 6455: 1008 is "policy violation"; 4000 and up are the application's own: reconnecting would not help.
_REFUSED = 1008
_APPLICATION = 4000
_CREDENTIAL_ENDED = 4401


async def listen(
    url: str, headers: Mapping[str, str], request: SubscribeRequest, *, idle_s: float
) -> AsyncGenerator[Event]:
    """Yields events, including heartbeats, until the gateway closes the socket.

    Raises:
        CannotReachError: The gateway is unavailable, the connection broke, or no message arrived for `idle_s` seconds.
        AtelierApiError: The gateway refused the connection or closed it with an error.
    """
    # Imported here: most programs open no WebSocket.
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidHandshake, InvalidStatus

    query = [("after", request.after)] if request.after else []
    query += [("types", kind) for kind in request.types]
    query += [("job_id", request.job_id)] if request.job_id else []
    address = "ws" + url.removeprefix("http") + PATH + ("?" + urlencode(query) if query else "")
    try:
        async with connect(address, additional_headers=dict(headers), open_timeout=10, close_timeout=2) as socket:
            while True:
                async with asyncio.timeout(idle_s):
                    message = await socket.recv()
                yield message_json.parse(message, Event)
    except ConnectionClosedOK:
        return
    except ConnectionClosed as error:
        close = error.rcvd
        if close is not None and (close.code == _REFUSED or close.code >= _APPLICATION):
            code = "UNAUTHENTICATED" if close.code == _CREDENTIAL_ENDED else "FAILED_PRECONDITION"
            raise AtelierApiError(code, "SOCKET_CLOSED", close.reason or f"closed ({close.code})") from error
        raise CannotReachError(f"the connection to {url} broke", delivered=True) from error
    except InvalidStatus as error:
        response = error.response
        names = {name.lower(): value for name, value in response.headers.raw_items()}
        raise api_status.from_http(response.status_code, names, bytes(response.body or b"")) from error
    except TimeoutError as error:
        raise CannotReachError(f"{url} said nothing for {idle_s:g} s", delivered=True) from error
    except (OSError, InvalidHandshake) as error:
        raise CannotReachError(f"cannot reach {url}: {error}", delivered=False) from error
    except json_format.ParseError as error:
        raise AtelierApiError("INTERNAL", "NOT_ATELIER", "the socket sent something that is no event") from error
