"""Headers of requests and of answers. Which of them an RPC has is read from its comment, where it names them."""

from typing import Any

from tools.openapi_contract import Rpc

Headers = dict[str, dict[str, Any]]

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_WAIT = "`wait=N` answers when the job has ended, or after N seconds (at most 60) as it stands."

# What a comment says, the request header that it means, what that does, and its schema.
_REQUEST: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("`prefer: wait=N`", "Prefer", _WAIT, {**_TEXT, "examples": ["wait=60"]}),
    (
        "`idempotency-key`",
        "Idempotency-Key",
        "A repeat under the same key returns the first result.",
        {**_TEXT, "maxLength": 128},
    ),
    ("`Range`", "Range", "One range of bytes.", {**_TEXT, "examples": ["bytes=0-1023"]}),
    (
        "`Last-Event-ID`",
        "Last-Event-ID",
        "Resumes after the `id` of a server-sent event, as an EventSource does.",
        _TEXT,
    ),
    ("`If-None-Match`", "If-None-Match", "304 when the `ETag` is still this one.", _TEXT),
    ("`If-Range`", "If-Range", "Apply `Range` only while the `ETag` is this one.", _TEXT),
)
_ANSWER: Headers = {
    "AcceptRanges": {"description": "`bytes`: the content can be asked for in ranges.", "schema": {"const": "bytes"}},
    "Allow": {"description": "The methods of this path.", "schema": _TEXT},
    "ContentRange": {
        "description": "Which bytes of how many: `bytes 0-1023/146515`, or `bytes */146515`.",
        "schema": _TEXT,
    },
    "ETag": {"description": "Identifies these bytes, for `If-None-Match` and `If-Range`.", "schema": _TEXT},
    "Location": {"description": "Path of the resource.", "schema": {**_TEXT, "format": "uri-reference"}},
    "PreferenceApplied": {"description": "The `Prefer` that was followed.", "schema": _TEXT},
    "RateLimitLimit": {"description": "Requests that the caller may make at once.", "schema": _COUNT},
    "RateLimitRemaining": {"description": "How many of these are left now.", "schema": _COUNT},
    "RateLimitReset": {"description": "Seconds until there are more.", "schema": _COUNT},
    "RetryAfter": {"description": "Seconds to wait before the next try.", "schema": _COUNT},
    "TraceId": {
        "description": "The trace that this answer belongs to: 32 hex digits.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
}
_NAMES = {
    "X-Trace-Id": "TraceId",
    "X-RateLimit-Limit": "RateLimitLimit",
    "X-RateLimit-Remaining": "RateLimitRemaining",
    "X-RateLimit-Reset": "RateLimitReset",
    "Accept-Ranges": "AcceptRanges",
    "Allow": "Allow",
    "Content-Range": "ContentRange",
    "ETag": "ETag",
    "Location": "Location",
    "Preference-Applied": "PreferenceApplied",
    "Retry-After": "RetryAfter",
}
_RATE_LIMIT = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


def _refer(*names: str) -> Headers:
    return {name: {"$ref": f"#/components/headers/{_NAMES[name]}"} for name in names}


def shared_headers() -> Headers:
    """All headers of answers, to be referred to."""
    return _ANSWER


def request_headers(rpc: Rpc) -> list[dict[str, Any]]:
    """The header parameters that the comment names."""
    return [
        {"name": name, "in": "header", "description": description, "schema": schema}
        for mark, name, description, schema in _REQUEST
        if mark in rpc.comment
    ]


def success_headers(rpc: Rpc, code: int) -> Headers:
    """The headers of a success with the HTTP status `code`."""
    names = ["X-Trace-Id", *_RATE_LIMIT]
    if "`prefer: wait=N`" in rpc.comment:
        names.append("Preference-Applied")
    names += [name for name in ("Location", "ETag") if f"`{name}`" in rpc.comment]
    if "`Range`" in rpc.comment and code != 304:
        names.append("Accept-Ranges")
    if code == 206:
        names.append("Content-Range")
    return _refer(*names)


def error_headers(code: str) -> Headers:
    """The headers of an error; `code` is the HTTP status or `default`."""
    more = {"416": ("Content-Range",), "429": (*_RATE_LIMIT, "Retry-After"), "503": ("Retry-After",)}
    return _refer("X-Trace-Id", *more.get(code, ("Allow",) if code == "default" else ()))
