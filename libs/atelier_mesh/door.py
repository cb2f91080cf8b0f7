"""Pictures and clips of a running mesh, asked for through REST like anybody's."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from atelier_mesh.address import Address

_ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELED"})
# Longer than the longest wait for an answer (60 s), and than the heartbeats of a stream of events lie apart.
_READ_S = 75.0


class NotMadeError(Exception):
    """The mesh did not make what it was asked for; the message says why."""


class Door:
    """The REST side of a mesh, with the development key."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    @classmethod
    @asynccontextmanager
    async def open(cls, address: Address) -> AsyncIterator["Door"]:
        """Connects at the first call."""
        async with httpx2.AsyncClient(
            base_url=address.url, headers={"X-Api-Key": address.api_key}, timeout=_READ_S
        ) as http:
            yield cls(http)

    async def make(self, path: str, parameters: Mapping[str, object], timeout_s: float) -> dict[str, Any]:
        """Posts `parameters` to `path` and follows what is made of them; answers it when it has SUCCEEDED.

        Raises NotMadeError, also after `timeout_s` seconds; what was accepted goes on then.
        """
        made: dict[str, Any] = {}
        try:
            async with asyncio.timeout(timeout_s):
                made = await self._json("POST", path, json=parameters, headers={"Prefer": "wait=60"})
                while made["state"] not in _ENDED:
                    async with self._call("GET", made["links"]["events"]) as events:
                        async for _ in events.aiter_bytes():
                            pass  # its end is all that is of interest: it comes with the terminal event
                    made = await self._json("GET", made["links"]["self"])
        except TimeoutError:
            stands = f"it is {made['state']}" if made else "there is no answer"
            raise NotMadeError(
                f"{stands} after {timeout_s:g} s; does a worker for it run? its log may say more"
            ) from None
        if made["state"] != "SUCCEEDED":
            raise NotMadeError(
                f"it is {made['state']}: {(made.get('error') or {}).get('message') or 'no reason given'}"
            )
        return made

    async def save(self, path: str, target: Path) -> None:
        """Writes the bytes at `path` to `target`, whose folder is made. Raises NotMadeError, OSError."""
        async with self._call("GET", path) as answer:
            content = await answer.aread()
        await asyncio.to_thread(_write, target, content)

    async def _json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        async with self._call(method, path, **request) as answer:
            body: dict[str, Any] = json.loads(await answer.aread())
        return body

    @asynccontextmanager
    async def _call(self, method: str, path: str, **request: Any) -> AsyncIterator[httpx2.Response]:
        try:
            async with self._http.stream(method, path, **request) as answer:
                if answer.is_error:
                    raise NotMadeError(f"HTTP {answer.status_code}: {_message(await answer.aread())}")
                yield answer
        except httpx2.HTTPError as error:
            raise NotMadeError(f"{self._http.base_url} does not answer: {error or type(error).__name__}") from error


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _message(body: bytes) -> str:
    """What an error says to a person."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, TypeError, KeyError):
        return body[:500].decode(errors="replace").strip()
