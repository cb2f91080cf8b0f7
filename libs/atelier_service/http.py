"""HTTP status and headers of a servicer's responses, for REST callers of the gateway."""

from typing import Any

import grpc.aio

from atelier_service.errors import InvalidArgumentError
from atelier_service.metadata import metadata_value

# Headers of bytes that have an owner: a cache may hold them for this credential alone, and asks before each use whether
# they are still there and the same. The gateway sets `no-store` on everything else that has an owner.
REVALIDATED = {"cache_control": "private, no-cache", "vary": "authorization, x-api-key"}
_LAST_EVENT_ID = "last-event-id"


async def set_http(context: grpc.aio.ServicerContext[Any, Any], status: int | None = None, **headers: str) -> None:
    """Sends the initial metadata: `status` becomes the HTTP status of the REST response, `headers` its headers.

    Underscores in names become dashes: `content_range="bytes 0-1/2"`. To be called once, before the first message;
    callers over native gRPC see the pairs as metadata.
    """
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    if status is not None:
        pairs.append(("x-http-code", str(status)))
    await context.send_initial_metadata(tuple(pairs))


async def open_frames(context: grpc.aio.ServicerContext[Any, Any]) -> None:
    """Sends the headers of a stream of events over REST: nothing on the way may keep it, or hold it back."""
    await set_http(context, cache_control="no-store", x_accel_buffering="no")  # the second is for nginx


def request_header(context: grpc.aio.ServicerContext[Any, Any], name: str) -> str | None:
    """An HTTP header of the request, or the same as gRPC metadata; None when absent."""
    return metadata_value(context.invocation_metadata(), name)


def last_event_id(context: grpc.aio.ServicerContext[Any, Any]) -> str | None:
    """The decimal number after which an EventSource resumes; None when it says none.

    Raises InvalidArgumentError when it is no number: ids of our events are.
    """
    value = request_header(context, _LAST_EVENT_ID)
    if value and not (value.isascii() and value.isdigit() and len(value) <= 19):
        raise InvalidArgumentError.of_field(_LAST_EVENT_ID, "is not an id that an event had")
    return value or None
