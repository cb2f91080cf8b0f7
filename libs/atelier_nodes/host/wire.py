"""The wire: a host's end of the socket to its pool."""

import os
import socket
import threading

from atelier_nodes.protocol.frames import HEADER, body_lengths, from_frame, to_frame
from atelier_nodes.protocol.messages import TO_HOST, FromHost, ToHost


class WireClosedError(Exception):
    """The pool has ended or closed the socket."""


class Wire:
    """Receives in one thread and sends from any.

    When `send` returns, the kernel has the message: it arrives even if the process ends directly afterwards. A process
    that a node forked shares the socket and must not use it: there, `send` ends the process.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._incoming = connection.makefile("rb")
        self._pid = os.getpid()
        self._sending = threading.Lock()

    def adopt(self) -> None:
        """Makes this forked process the one that may send."""
        self._pid = os.getpid()

    def receive(self) -> ToHost:
        """Waits for the next message.

        Raises:
            WireClosedError: The pool has ended.
            ProtocolError: The message is malformed.
        """
        text, data = body_lengths(self._read(HEADER.size))
        return from_frame(self._read(text), self._read(data), TO_HOST)

    def send(self, message: FromHost) -> None:
        """Sends a message; blocks while the pool does not read. Ends the process when the pool has ended or a node has
        closed the socket: the pool would wait for the message forever.

        Raises:
            ProtocolError: The message is too large.
            TypeError: A value is not JSON.
        """
        frame = to_frame(message)
        if os.getpid() != self._pid:
            os._exit(1)
        with self._sending:
            try:
                self._connection.sendall(frame)
            except OSError:
                os._exit(1)

    def _read(self, length: int) -> bytes:
        try:
            data = self._incoming.read(length)
        except OSError as error:
            raise WireClosedError from error
        if len(data) < length:
            raise WireClosedError
        return data
