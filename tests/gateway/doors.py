"""The doors of the gateway, spoken to over a bare connection: header names and values that no client library sends."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass

from google.rpc import error_details_pb2, status_pb2

Header = tuple[bytes, bytes]
PATIENCE_S = 20


@dataclass(frozen=True)
class Answer:
    """An HTTP/1.1 answer."""

    status: int
    headers: dict[str, str]
    """By lower-case name; repeated ones are joined with a comma."""
    body: bytes

    @property
    def grpc_status(self) -> int:
        """Of an answer without a message; -1 when it is elsewhere, or nowhere."""
        return int(self.headers.get("grpc-status", "-1"))

    def details(self) -> status_pb2.Status:
        """What `grpc-status-details-bin` holds."""
        encoded = self.headers["grpc-status-details-bin"]
        return status_pb2.Status.FromString(base64.b64decode(encoded + "=" * (-len(encoded) % 4)))

    def reason(self) -> str:
        """Of the ErrorInfo in those details. Raises AssertionError when it does not come first."""
        info = error_details_pb2.ErrorInfo()
        assert self.details().details[0].Unpack(info)
        return str(info.reason)


async def read_answer(reader: asyncio.StreamReader, *, to_end: bool = False) -> Answer:
    """Reads one answer, as long as it says that it is, or to the end of the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key = name.lower()
        headers[key] = f"{headers[key]},{value.strip()}" if key in headers else value.strip()
    # Who is refused in the middle of a body finds the connection reset in the end.
    length = headers.get("content-length")
    body = await (reader.read() if to_end or length is None else reader.readexactly(int(length)))
    return Answer(int(first.split()[1]), headers, body)


@dataclass(frozen=True)
class Door:
    """One way to call: what a request begins with."""

    name: str
    line: str
    headers: tuple[Header, ...] = ()
    body: bytes = b""

    async def ask(
        self, port: int, headers: Sequence[Header] = (), *, version: str = "1.1", read_to_end: bool = False
    ) -> Answer:
        """Sends one request on a connection of its own. With `read_to_end` the body is all that came."""
        pairs = [(b"host", b"gateway"), (b"connection", b"close"), *self.headers, *headers]
        if self.body and (b"transfer-encoding", b"chunked") not in pairs:
            pairs.append((b"content-length", str(len(self.body)).encode()))
        head = f"{self.line} HTTP/{version}\r\n".encode() + b"".join(b"%b: %b\r\n" % pair for pair in pairs)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        try:
            async with asyncio.timeout(PATIENCE_S):
                writer.write(head + b"\r\n" + self.body)
                return await read_answer(reader, to_end=read_to_end)
        finally:
            writer.close()


_RPC = "POST /atelier.image.v1.ImageService/GetImage"
_MESSAGE = b"\0\0\0\0\x03\x0a\x011"
PUBLIC = Door("public", "GET /.well-known/jwks.json")
REST = Door("rest", "GET /api/v1/images/1")
GRPC = Door("grpc", _RPC, ((b"content-type", b"application/grpc"), (b"te", b"trailers")), _MESSAGE)
GRPC_WEB = Door("grpc-web", _RPC, ((b"content-type", b"application/grpc-web+proto"),), _MESSAGE)
DOORS = (PUBLIC, REST, GRPC, GRPC_WEB)
