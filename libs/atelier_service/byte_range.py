"""Ranges and conditions of a GET, as RFC 9110 has them: what to send of some bytes that have a strong ETag."""

import re
from dataclasses import dataclass

from atelier_service.errors import OutOfRangeError

_RANGE = re.compile(r"(\d*)-(\d*)", re.ASCII)
# No file has more digits; int() of a longer string is slow on purpose or by malice.
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
    """What to send: HTTP status 200, 206 or 304, and which bytes (for 304 none)."""

    status: int
    offset: int
    length: int
    content_range: str = ""


class UnsatisfiableRangeError(OutOfRangeError):
    """A range that is wrong or lies past the end (HTTP 416)."""

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
        The range. None where everything is to be sent: as the RFC allows, also for other units and for several ranges.

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
    """What to send of `total` bytes whose quoted strong ETag is `etag`, given the three request headers.

    Raises UnsatisfiableRangeError as `parse_range` does.
    """
    if if_none_match is not None and names_etag(if_none_match, etag):
        return ContentPlan(304, 0, 0)
    # A date in If-Range cannot match: content never changes under its ETag, and no date is given out.
    if if_range is not None and if_range.strip() != etag:
        range_ = None
    part = parse_range(range_, total)
    if part is None:
        return ContentPlan(200, 0, total)
    return ContentPlan(206, part.offset, part.length, part.content_range)


def names_etag(if_none_match: str, etag: str) -> bool:
    """Whether an If-None-Match list names `etag`; comparison is weak, so `W/` does not matter."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags
