"""Headers of a submit: `Prefer: wait=N` (RFC 7240) and `Idempotency-Key`."""

import re

from atelier_service.errors import InvalidArgumentError

MAX_WAIT_S = 60

_WAIT = re.compile(r"""wait\s*=\s*("?)(\d{1,9})\1""", re.IGNORECASE)
_MAX_KEY_LENGTH = 128


def wait_preference_s(header: str | None) -> int | None:
    """Returns the seconds that the caller is willing to wait, at most 60; None when the header prefers no wait.

    Malformed preferences are ignored, as RFC 7240 requires, and so is every wait except the first.
    """
    for preference in re.split(r"[,;]", header or ""):
        match = _WAIT.fullmatch(preference.strip())
        if match:
            return min(int(match.group(2)), MAX_WAIT_S)
    return None


def idempotency_key(header: str | None, request_id: str) -> str:
    """Returns the key of a submit, from the header or from the request's `request_id`; empty when neither has one.

    Raises:
        InvalidArgumentError: The two differ, or the header is too long.
    """
    header = header or ""
    if len(header) > _MAX_KEY_LENGTH:
        raise InvalidArgumentError.of_field("idempotency-key", f"must have at most {_MAX_KEY_LENGTH} characters")
    if header and request_id and header != request_id:
        text = "differs from the Idempotency-Key header"
        raise InvalidArgumentError.of_field("request_id", text, reason="AMBIGUOUS_IDEMPOTENCY_KEY")
    return header or request_id
