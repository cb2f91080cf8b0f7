"""Uploads that never end: sockets that send a byte now and then, as one who wants to stop everybody does."""

import contextlib
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PNG_HEAD = b"\x89PNG\r\n\x1a\n"


@dataclass
class SlowUploads:
    """Connections to a mesh, each with a POST whose body has begun."""

    sockets: list[socket.socket] = field(default_factory=list)
    answers: dict[socket.socket, bytes] = field(default_factory=dict)

    def drip(self) -> None:
        """Sends one byte more on each that is still open, and reads what was answered."""
        for one in self.sockets:
            with contextlib.suppress(OSError):  # closed by the other side
                one.sendall(b"1\r\n\0\r\n")
        readable, _, _ = select.select(self.sockets, [], [], 0)
        for one in readable:
            with contextlib.suppress(OSError):
                self.answers[one] = self.answers.get(one, b"") + one.recv(1 << 16)

    @property
    def open_count(self) -> int:
        """How many of them got no answer yet."""
        return sum(not self.answers.get(one) for one in self.sockets)

    @property
    def statuses(self) -> list[int]:
        """The HTTP statuses of those that were answered."""
        return [int(answer.split(b" ", 2)[1]) for answer in self.answers.values() if answer]


@contextlib.contextmanager
def slow_uploads(url: str, api_key: str, count: int) -> Iterator[SlowUploads]:
    """`count` uploads of the owner of `api_key`."""
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    head = (
        "POST /api/v1/assets HTTP/1.1", f"host: {address.netloc}", f"x-api-key: {api_key}", "content-type: image/png",
        "transfer-encoding: chunked", "", "",
    )  # fmt: skip
    uploads = SlowUploads()
    try:
        for _ in range(count):
            one = socket.create_connection((address.hostname, address.port), timeout=10)
            one.sendall("\r\n".join(head).encode() + b"8\r\n" + PNG_HEAD + b"\r\n")
            uploads.sockets.append(one)
        yield uploads
    finally:
        for one in uploads.sockets:
            one.close()
