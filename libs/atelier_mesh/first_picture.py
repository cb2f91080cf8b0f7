"""The first picture, made through REST like anybody's."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

PROMPT = "a red circle on a blue background"


@dataclass(frozen=True, slots=True)
class FirstPicture:
    """Where it lies, and the trace of its making."""

    path: Path
    trace_id: str


class FirstPictureError(Exception):
    """The mesh is up but made no picture; the message says why."""


def make_first_picture(url: str, api_key: str, target: Path) -> FirstPicture:
    """Asks for the picture, waits for it and writes it to `target`. Raises FirstPictureError."""
    headers = {"X-Api-Key": api_key, "Content-Type": "application/json", "Prefer": "wait=60"}
    body = json.dumps({"prompt": PROMPT, "seed": 1}).encode()
    try:
        image = json.loads(_call(f"{url}/api/v1/images/generate", headers, body))
        if image["state"] != "SUCCEEDED":
            error = image.get("error") or {}
            raise FirstPictureError(f"it is {image['state']}: {error.get('message') or 'still waiting for a worker'}")
        target.write_bytes(_call(url + image["outputs"][0]["content_url"], {"X-Api-Key": api_key}))
    except urllib.error.HTTPError as error:
        raise FirstPictureError(f"HTTP {error.code}: {error.read(500).decode(errors='replace').strip()}") from error
    except OSError as error:
        raise FirstPictureError(str(error)) from error
    return FirstPicture(target, image["trace_id"])


def _call(url: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - an http URL of our own making
    with urllib.request.urlopen(request, timeout=90) as answer:  # noqa: S310
        content: bytes = answer.read()
    return content
