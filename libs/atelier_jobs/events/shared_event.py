"""An event that is sent to many watchers: each of its encodings is made once, at its first use."""

import json
from enum import StrEnum
from functools import cached_property

from google.api import httpbody_pb2

from atelier.events.v1 import events_pb2
from atelier_jobs.events.event_json import event_fields

_RETRY_MS = 2000


class Framing(StrEnum):
    """Format of a stream over REST; the values are content types."""

    NDJSON = "application/x-ndjson"
    SSE = "text/event-stream"

    @classmethod
    def of(cls, accept: str | None) -> "Framing":
        """Returns the format that an `accept` header requests: NDJSON unless it names server-sent events."""
        return cls.SSE if cls.SSE in (accept or "").lower() else cls.NDJSON

    @property
    def opening(self) -> bytes:
        """The first message (an encoded HttpBody), which sets the content type and holds no event."""
        data = f"retry: {_RETRY_MS}\n\n" if self is Framing.SSE else ""
        return _body(self, data)


class SharedEvent:
    """An immutable event. `resume_id` is its `id:` in server-sent events, to resume a stream after it; may be empty."""

    def __init__(self, event: events_pb2.Event, resume_id: str = "") -> None:
        self.event = event
        self.resume_id = resume_id

    @cached_property
    def encoded(self) -> bytes:
        """As protobuf."""
        return self.event.SerializeToString()

    @cached_property
    def json(self) -> str:
        """As JSON on one line, as the gateway's transcoder prints messages."""
        return json.dumps(event_fields(self.event), separators=(",", ":"), ensure_ascii=False)

    def framed(self, framing: Framing) -> bytes:
        """Returns the event as one message of a stream over REST: an encoded HttpBody."""
        return self._sse if framing is Framing.SSE else self._ndjson

    @cached_property
    def _ndjson(self) -> bytes:
        return _body(Framing.NDJSON, f"{self.json}\n")

    @cached_property
    def _sse(self) -> bytes:
        # No `event:` name: browsers hand unnamed events to `onmessage`, and the type stands in the data.
        resume = f"id: {self.resume_id}\n" if self.resume_id else ""
        return _body(Framing.SSE, f"{resume}data: {self.json}\n\n")


def _body(framing: Framing, data: str) -> bytes:
    body = httpbody_pb2.HttpBody(content_type=framing, data=data.encode())
    return bytes(body.SerializeToString())
