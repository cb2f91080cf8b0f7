"""The pool's end of the socket to a host or a template."""

import asyncio
import socket
from typing import Self

from atelier_nodes.protocol.frames import HEADER, body_lengths, from_frame, to_frame
from atelier_nodes.protocol.messages import FROM_HOST, FromHost, ToHost

_BUFFER_BYTES = 4 * 2**20


class HostSocket:
    """Sends and receives messages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def of(cls, connection: socket.socket) -> Self:
        """Takes over a connected socket."""
        return cls(*await asyncio.open_unix_connection(sock=connection, limit=_BUFFER_BYTES))

    def send(self, message: ToHost) -> None:
        """Sends a message; dropped when the process has ended: `receive` reports that.

        Raises:
            ProtocolError: The message is too large.
            TypeError: A value is not JSON.
        """
        frame = to_frame(message)
        if not self._writer.is_closing():
            self._writer.write(frame)

    async def receive(self) -> FromHost | None:
        """Waits for the next message; None when the socket is closed.

        Raises:
            ProtocolError: The host sent what is no message.
        """
        try:
            text, data = body_lengths(await self._reader.readexactly(HEADER.size))
            body = await self._reader.readexactly(text + data)
        except (asyncio.IncompleteReadError, OSError):
            return None
        return from_frame(body[:text], body[text:], FROM_HOST)

    def close(self) -> None:
        """Closes the socket: the process ends, and `receive` returns None. Idempotent."""
        self._writer.close()
