"""Where a field stands in a request, as the caller wrote it: `steps`, `outputs[2].seed`, `metadata.colour`."""

import json
import re

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_KEY = 64
_BODY = "parameters."


def member(path: str, name: str) -> str:
    """A field of the message at `path`, which is empty for the request itself."""
    return f"{path}.{name}" if path else name


def item(path: str, index: int) -> str:
    """An item of the list at `path`."""
    return f"{path}[{index}]"


def entry(path: str, key: object) -> str:
    """The value under `key` in the map at `path`: with a dot where the key reads as a name, in brackets elsewhere."""
    text = str(key).lower() if isinstance(key, bool) else str(key)
    if _PLAIN_KEY.fullmatch(text) and len(text) <= _LONGEST_KEY:
        return f"{path}.{text}"
    if len(text) > _LONGEST_KEY:
        text = text[:_LONGEST_KEY] + "…"
    return f"{path}[{json.dumps(text, ensure_ascii=False)}]"


def as_written(path: str) -> str:
    """Of a submit, `parameters` is the body itself over REST and is left out."""
    return path.removeprefix(_BODY)
