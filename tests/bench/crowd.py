"""Many who watch one stream of events: a process of its own, which reads and does nothing with what it reads."""

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

from tests.bench.companion import answer_questions

_AT_ONCE = 50


class _Watcher(asyncio.Protocol):
    def __init__(self, request: bytes) -> None:
        self._request = request
        self.transport: asyncio.Transport | None = None
        self.status: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.received_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class is none
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.status.done():
            self.status.set_result(data.split(b" ", 2)[1].decode())
        self.received_bytes += len(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.status.done():
            self.status.set_result("none")


async def _open(url: str, path: str, headers: Mapping[str, str], count: int) -> list[_Watcher]:
    address = urlsplit(url)
    lines = [f"GET {path} HTTP/1.1", f"Host: {address.netloc}", *(f"{k}: {v}" for k, v in headers.items())]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    places = asyncio.Semaphore(_AT_ONCE)
    loop = asyncio.get_running_loop()

    async def one() -> _Watcher:
        async with places:
            _, watcher = await loop.create_connection(
                lambda: _Watcher(request), address.hostname or "", address.port or 80
            )
            await watcher.status
            return watcher

    return await asyncio.gather(*(one() for _ in range(count)))


async def _close(watchers: list[_Watcher]) -> int:
    for watcher in watchers:
        if watcher.transport is not None:
            watcher.transport.abort()
    return sum(watcher.received_bytes for watcher in watchers)


def main() -> None:
    """Answers {"count", "url", "path", "headers"} with how often each HTTP status came, and {} with the bytes that all
    have received; then they are gone."""
    loop = uvloop.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    watchers: list[_Watcher] = []

    def answer(question: Mapping[str, Any]) -> Any:
        if question:
            came = asyncio.run_coroutine_threadsafe(_open(**question), loop).result()
            watchers.extend(came)
            return Counter(watcher.status.result() for watcher in came)
        received = asyncio.run_coroutine_threadsafe(_close(watchers), loop).result()
        watchers.clear()
        return received

    answer_questions(answer)


if __name__ == "__main__":
    main()
