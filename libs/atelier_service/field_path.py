"""Field paths: the location of a field in a request, such as `steps`, `outputs[2].seed` or `metadata.colour`."""

import json
import re

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_KEY = 64
_BODY = "parameters."


def member(path: str, name: str) -> str:
    """Returns the path of a field of the message at `path`, which is empty for the request itself."""
    return f"{path}.{name}" if path else name


def item(path: str, index: int) -> str:
    """Returns the path of an item of the list at `path`."""
    return f"{path}[{index}]"


def entry(path: str, key: object) -> str:
    """Returns the path of `key` in the map at `path`: after a dot if the key is a plain name, else in brackets."""
    text = str(key).lower() if isinstance(key, bool) else str(key)
    if _PLAIN_KEY.fullmatch(text) and len(text) <= _LONGEST_KEY:
        return f"{path}.{text}"
    if len(text) > _LONGEST_KEY:
        text = text[:_LONGEST_KEY] + "…"
    return f"{path}[{json.dumps(text, ensure_ascii=False)}]"


def as_written(path: str) -> str:
    """Returns `path` without `parameters.`, which is the body itself of a submit over REST."""
    return path.removeprefix(_BODY)
