"""The WebSocket endpoint: the same events as EventService, one JSON message each."""

import asyncio
import json
from contextlib import aclosing, suppress
from urllib.parse import parse_qs, urlsplit

import structlog
from google.protobuf.json_format import MessageToDict
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from atelier.events.v1 import events_pb2
from atelier_events.subscription import Subscriptions
from atelier_jobs.events.shared_event import SharedEvent
from atelier_service.access import access_of
from atelier_service.credential_end import last_word, while_credential_lasts
from atelier_service.errors import AtelierError, InvalidArgumentError
from atelier_service.identity import Principal, TokenVerifier, unauthenticated
from atelier_service.interceptors.validation import validate
from atelier_service.revoked_keys import RevokedKeys
from atelier_service.rpc_errors import to_status

_log = structlog.get_logger(__name__)

PATH = "/ws/v1/events"
SUBSCRIBE = "/atelier.events.v1.EventService/Subscribe"
_PARAMETERS = frozenset({"after", "types", "job_id", "access_token"})
_LAST_WORD_S = 1.0
# RFC 6455 close codes: 1008 policy (the request was wrong), 1013 try again later. 4401: come back with another
# credential.
_CLOSE_CODES = {"UNAVAILABLE": 1013, "ABORTED": 1013, "RESOURCE_EXHAUSTED": 1013, "UNAUTHENTICATED": 4401}
_HTTP = {"UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403, "INVALID_ARGUMENT": 400, "RESOURCE_EXHAUSTED": 429}


class EventSocket:
    """Serves one socket after another; what clients send is read and ignored, but for pings and closes."""

    def __init__(self, subscriptions: Subscriptions, verifier: TokenVerifier, revoked: RevokedKeys) -> None:
        self._subscriptions = subscriptions
        self._verifier = verifier
        self._revoked = revoked

    async def authorise(self, connection: ServerConnection, request: Request) -> Response | None:
        """Before the upgrade: authenticates and checks the request. Returns a refusal, or None to go on."""
        url = urlsplit(request.path)
        query = parse_qs(url.query, keep_blank_values=True)
        if url.path != PATH:
            return connection.respond(404, "not found\n")  # the gateway sends nothing else here
        unknown = sorted(set(query) - _PARAMETERS)
        if unknown:
            return _refuse(connection, 400, InvalidArgumentError.of_field(unknown[0], "unknown query parameter"))
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or query.get("access_token", [""])[0]
        try:
            principal = await self._verifier.verify(token)
            if self._revoked.is_revoked(principal.key_id):
                raise unauthenticated()
            access_of(SUBSCRIBE).check(principal)
            subscribe = events_pb2.SubscribeRequest(
                after=query.get("after", [""])[0],
                types=query.get("types", []),
                job_id=query.get("job_id", [""])[0],
            )
            validate(subscribe)
            self._subscriptions.check(principal.subject)  # `follow` counts; here a refusal has a status
        except AtelierError as error:
            return _refuse(connection, _HTTP.get(error.code, 503), error)
        connection.atelier = (principal, subscribe)  # type: ignore[attr-defined]
        return None

    async def serve(self, connection: ServerConnection) -> None:
        """Sends events until either side ends it; an error is the last message, then a close that says why."""
        principal: Principal
        subscribe: events_pb2.SubscribeRequest
        principal, subscribe = connection.atelier  # type: ignore[attr-defined]
        drain = asyncio.create_task(_drain(connection))
        try:
            events = self._subscriptions.follow(principal.subject, subscribe.after, subscribe.types, subscribe.job_id)
            async with while_credential_lasts(principal, self._revoked), aclosing(events):
                async for event in events:
                    await connection.send(event.json)
        except AtelierError as error:
            if error.code == "UNAUTHENTICATED":
                await _say(connection, last_word(error))
            await connection.close(_CLOSE_CODES.get(error.code, 1008), error.message[:120])
        except ConnectionClosed:
            _log.debug("the watcher left")
        finally:
            drain.cancel()


async def _say(connection: ServerConnection, event: events_pb2.Event) -> None:
    """Sends a last message, unless the other side reads nothing."""
    with suppress(TimeoutError, ConnectionClosed):
        async with asyncio.timeout(_LAST_WORD_S):
            await connection.send(SharedEvent(event).json)


async def _drain(connection: ServerConnection) -> None:
    async for _ in connection:
        pass


def _refuse(connection: ServerConnection, http: int, error: AtelierError) -> Response:
    """The refusal as every other endpoint words it: `google.rpc.Status` as JSON."""
    status = MessageToDict(to_status(error), preserving_proto_field_name=True)
    response = connection.respond(http, json.dumps(status) + "\n")
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    return response
