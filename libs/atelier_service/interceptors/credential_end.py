"""Expiry of streams: a stream, or a call that waits, ends when its credential expires or is revoked."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc.aio
from google.api import httpbody_pb2
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from atelier.events.v1 import events_pb2
from atelier_service.access import Access, access_of
from atelier_service.credential_end import last_word, while_credential_lasts
from atelier_service.errors import AtelierError
from atelier_service.identity import principal_or_none
from atelier_service.interceptors.around import Around, Call
from atelier_service.revoked_keys import RevokedKeys

_EVENT = events_pb2.Event.DESCRIPTOR.full_name
_FRAMES = httpbody_pb2.HttpBody.DESCRIPTOR.full_name
# Deadline for sending the last event: the caller may have stopped reading.
_LAST_WORD_S = 1.0


class CredentialEndInterceptor(Around):
    """Ends streams, and calls that wait (`prefer`), with their credential. Inside of the identity interceptor.

    Downloads that may finish by the contract are not ended. The last event of an event stream contains the reason: over
    HTTP/1.1 there is no other place for it.
    """

    def __init__(self, revoked: RevokedKeys) -> None:
        self._revoked = revoked

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Cancels the call when its caller's credential ends."""
        access, principal = access_of(call.method), principal_or_none()
        lasts = access.streams and not access.may_finish
        if principal is None or not (lasts or call.header("prefer")):
            yield
            return
        ending = None
        try:
            async with while_credential_lasts(principal, self._revoked) as ending:
                yield
        except AtelierError as error:
            word = _word(access, call, error) if lasts and ending is not None and error is ending.error else None
            if word is not None:
                with suppress(TimeoutError, grpc.aio.BaseError):
                    async with asyncio.timeout(_LAST_WORD_S):
                        await call.context.write(word)
            raise


def _word(access: Access, call: Call, error: AtelierError) -> Message | None:
    """Returns the last item of an event stream: an event, or a frame of the REST stream; None for other streams."""
    event = last_word(error)
    if access.answer == _EVENT:
        return event
    if access.answer != _FRAMES:
        return None
    fields = MessageToDict(event, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    text = json.dumps(fields, separators=(",", ":"))
    sse = "text/event-stream" in (call.header("accept") or "")
    frame: Message = httpbody_pb2.HttpBody(
        content_type="text/event-stream" if sse else "application/x-ndjson",
        data=(f"data: {text}\n\n" if sse else f"{text}\n").encode(),
    )
    return frame
