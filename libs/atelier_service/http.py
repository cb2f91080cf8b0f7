"""HTTP status and headers of a servicer's responses, for REST callers of the gateway."""

from typing import Any

import grpc.aio

from atelier_service.errors import InvalidArgumentError
from atelier_service.metadata import metadata_value

# Headers of content with an owner: a cache may store it for this credential alone, and must revalidate it before each
# use. The gateway sets `no-store` on all other responses that have an owner.
REVALIDATED = {"cache_control": "private, no-cache", "vary": "authorization, x-api-key"}
_LAST_EVENT_ID = "last-event-id"


async def set_http(context: grpc.aio.ServicerContext[Any, Any], status: int | None = None, **headers: str) -> None:
    """Sends the initial metadata: `status` becomes the HTTP status of the REST response, `headers` its headers.

    Underscores in names become dashes: `content_range="bytes 0-1/2"`. To be called once, before the first message.
    Callers over native gRPC receive the pairs as metadata.
    """
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    if status is not None:
        pairs.append(("x-http-code", str(status)))
    await context.send_initial_metadata(tuple(pairs))


async def open_frames(context: grpc.aio.ServicerContext[Any, Any]) -> None:
    """Sends the headers of an event stream over REST: no cache may store it, and no proxy may buffer it."""
    await set_http(context, cache_control="no-store", x_accel_buffering="no")  # the second is for nginx


def request_header(context: grpc.aio.ServicerContext[Any, Any], name: str) -> str | None:
    """Returns an HTTP header of the request, or the gRPC metadata of that name; None when absent."""
    return metadata_value(context.invocation_metadata(), name)


def last_event_id(context: grpc.aio.ServicerContext[Any, Any]) -> str | None:
    """Returns the header `Last-Event-ID`, after which an EventSource resumes; None when absent.

    Raises InvalidArgumentError when it is not a decimal number, as the ids of events are.
    """
    value = request_header(context, _LAST_EVENT_ID)
    if value and not (value.isascii() and value.isdigit() and len(value) <= 19):
        raise InvalidArgumentError.of_field(_LAST_EVENT_ID, "is not an id that an event had")
    return value or None
