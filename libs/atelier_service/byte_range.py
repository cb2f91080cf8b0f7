"""Range and conditional requests (RFC 9110): which bytes a GET of content with a strong ETag returns."""

import re
from dataclasses import dataclass

from atelier_service.errors import OutOfRangeError

_RANGE = re.compile(r"(\d*)-(\d*)", re.ASCII)
# No file size has more digits. int() of a very long string is slow, which a caller could exploit.
_MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ByteRange:
    """`length` bytes from `offset` on, of `total`; never empty."""

    offset: int
    length: int
    total: int

    @property
    def content_range(self) -> str:
        """The value of the `Content-Range` header."""
        return f"bytes {self.offset}-{self.offset + self.length - 1}/{self.total}"


@dataclass(frozen=True, slots=True)
class ContentPlan:
    """The response to a GET: HTTP status 200, 206 or 304, and which bytes to send (for 304 none)."""

    status: int
    offset: int
    length: int
    content_range: str = ""


class UnsatisfiableRangeError(OutOfRangeError):
    """A range that is malformed or contains no byte of the content (HTTP 416)."""

    def __init__(self, total: int) -> None:
        super().__init__(
            "RANGE_NOT_SATISFIABLE", f"range: there are {total} bytes", metadata={"size_bytes": str(total)}
        )
        self.content_range = f"bytes */{total}"


def parse_range(value: str | None, total: int) -> ByteRange | None:
    """Parses a `Range` header.

    Args:
        value: The header; None without one.
        total: The size of the content in bytes.

    Returns:
        The range; None when all of the content is to be sent. That is so without a header and, as the RFC allows, for
        other units and for several ranges.

    Raises:
        UnsatisfiableRangeError: The range is malformed or contains no byte.
    """
    unit, separator, wanted = (value or "").partition("=")
    if unit.strip().lower() != "bytes" or not separator or "," in wanted:
        return None
    match = _RANGE.fullmatch(wanted.strip())
    if match is None or not any(match.groups()) or max(map(len, match.groups())) > _MAX_DIGITS:
        raise UnsatisfiableRangeError(total)
    first, last = match.groups()
    if not first:
        length = min(int(last), total)
        offset = total - length
    else:
        offset = int(first)
        length = min(int(last) + 1 if last else total, total) - offset
    if length <= 0:
        raise UnsatisfiableRangeError(total)
    return ByteRange(offset, length, total)


def plan_content(
    total: int, etag: str, *, range_: str | None, if_range: str | None, if_none_match: str | None
) -> ContentPlan:
    """Evaluates the headers of a GET.

    Args:
        total: The size of the content in bytes.
        etag: Its strong ETag, in quotes.
        range_: The header `Range`; this and the other headers are None when absent.
        if_range: The header `If-Range`.
        if_none_match: The header `If-None-Match`.

    Returns:
        The status, and the bytes to send.

    Raises:
        UnsatisfiableRangeError: The range is malformed or contains no byte.
    """
    if if_none_match is not None and names_etag(if_none_match, etag):
        return ContentPlan(304, 0, 0)
    # A date in If-Range never matches: responses have no Last-Modified.
    if if_range is not None and if_range.strip() != etag:
        range_ = None
    part = parse_range(range_, total)
    if part is None:
        return ContentPlan(200, 0, total)
    return ContentPlan(206, part.offset, part.length, part.content_range)


def names_etag(if_none_match: str, etag: str) -> bool:
    """Whether an If-None-Match list contains `etag`. The comparison is weak: `W/` is ignored."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags
