"""The least REST client: one kept connection of the standard library, so that the client's own time stays small."""

import http.client
import json
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit


class Rest:
    """For one thread."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=90)
        self._headers = {"Content-Type": "application/json", **headers}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def post(self, path: str, body: bytes, **headers: str) -> bytes:
        """The answer's body. Raises RuntimeError for anything but 2xx."""
        return self._ask("POST", path, body, self._headers | headers)

    def get(self, path: str) -> dict[str, Any]:
        """The answer's JSON. Raises like `post`."""
        found: dict[str, Any] = json.loads(self.content(path))
        return found

    def content(self, path: str) -> bytes:
        """The answer's bytes. Raises like `post`."""
        return self._ask("GET", path, None, self._headers)

    def _ask(self, verb: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        self._connection.request(verb, path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status // 100 != 2:
            raise RuntimeError(f"HTTP {answer.status}: {content[:300].decode(errors='replace')}")
        return content

    def picture(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """See `made`."""
        return self.made("/api/v1/images/generate", parameters)

    def clip(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """See `made`."""
        return self.made("/api/v1/videos/generate", parameters)

    def made(self, path: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Has something made and waits for it. Raises RuntimeError when it is not there after a minute."""
        body = json.dumps(parameters).encode()
        job: dict[str, Any] = json.loads(self.post(path, body, Prefer="wait=60"))
        if job["state"] != "SUCCEEDED":
            raise RuntimeError(f"not made: {job}")
        return job

    def token(self) -> str:
        """A fresh JWT of the caller."""
        token: str = json.loads(self.post("/api/v1/auth/token", b"{}"))["access_token"]
        return token
