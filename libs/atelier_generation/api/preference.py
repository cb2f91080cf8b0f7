"""The `Prefer: wait=N` header (RFC 7240)."""

import re

MAX_WAIT_S = 60

_WAIT = re.compile(r"""wait\s*=\s*("?)(\d{1,9})\1""", re.IGNORECASE)


def wait_preference_s(header: str | None) -> int | None:
    """Seconds that the caller would wait, at most 60; None when the header asks for no wait.

    What is malformed is ignored, as RFC 7240 wants it, and so is every wait but the first.
    """
    for preference in re.split(r"[,;]", header or ""):
        match = _WAIT.fullmatch(preference.strip())
        if match:
            return min(int(match.group(2)), MAX_WAIT_S)
    return None
