"""The engine process: serves an engine's methods through a socket.

It has an interpreter of its own: what the worker does meanwhile (databases, brokers, uploads) never delays a denoising
step, and a crash in a native library does not end the worker. It ends with the worker, however that ends.

    python -m atelier_diffusion.remote.engine_server FD
"""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from atelier_diffusion.policy.errors import CanceledError, EngineError, ModelLoadError
from atelier_diffusion.remote.call_handle import CallHandle
from atelier_diffusion.remote.messages import (
    HEADER,
    ON_THE_DEVICE,
    Call,
    Changed,
    Memory,
    Open,
    Opened,
    Raised,
    Returned,
    Stop,
    Taken,
    packed,
    unpacked,
)

_PR_SET_PDEATHSIG = 1


class Wire:
    """The socket to the worker. One thread receives; any thread may send."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._incoming = connection.makefile("rb")
        self._sending = threading.Lock()

    def receive(self) -> Any:
        """Waits for the next message.

        Raises:
            EOFError: The worker ended or closed the socket.
        """
        header = self._incoming.read(HEADER.size)
        if len(header) < HEADER.size:
            raise EOFError
        (length,) = HEADER.unpack(header)
        body = self._incoming.read(length)
        if len(body) < length:
            raise EOFError
        return unpacked(body)

    def send(self, message: object) -> None:
        """Sends a message.

        Raises:
            OSError: The worker ended.
        """
        data = packed(message)
        with self._sending:
            self._connection.sendall(data)


class EngineServer:
    """Receives calls, runs them on the engine and sends what they return or raise."""

    def __init__(self, engine: Any, wire: Wire) -> None:
        self._engine = engine
        self._wire = wire
        self._device_calls: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="call")
        self._handles: dict[int, CallHandle] = {}

    def serve(self) -> None:
        """Serves until the worker ends, which ends this process: never returns."""
        threading.Thread(target=self._listen, name="wire", daemon=True).start()
        while True:
            self._run(self._device_calls.get())

    def _listen(self) -> None:
        """Receives messages. Ends the process when the worker has ended, even during a call, and when receiving fails:
        a process that receives nothing must not go on."""
        try:
            while True:
                self._handle(self._wire.receive())
        except (EOFError, OSError):
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)

    def _handle(self, message: Call | Stop | Taken) -> None:
        if isinstance(message, Call):
            self._handles[message.number] = CallHandle(message.number, self._wire.send)
            if message.method in ON_THE_DEVICE:
                self._device_calls.put(message)
            else:
                self._threads.submit(self._run, message)
            return
        handle = self._handles.get(message.number)
        if handle is None:
            return  # it ended meanwhile
        if isinstance(message, Stop):
            handle.stop()
        else:
            handle.take()

    def _run(self, call: Call) -> None:
        """Runs a call and sends its end; ends the process where that is impossible: the worker would wait for ever."""
        handle = self._handles[call.number]
        try:
            try:
                message: object = Returned(call.number, self._returned(call, handle), handle.device_s)
            except EngineError as error:
                message = Raised(call.number, error, _cause_of(error))
            except CanceledError:
                message = Raised(call.number, None)  # the worker no longer waits for it
            except Exception:  # noqa: BLE001 - sent to the worker, which logs it and fails the job
                message = Raised(call.number, None, traceback.format_exc())
            del self._handles[call.number]
            self._wire.send(Memory(self._engine.memory()))
            self._wire.send(message)
        except OSError:
            os._exit(0)
        except BaseException:  # noqa: BLE001 - there is no caller that could handle it
            traceback.print_exc()  # such as a driver that no longer reports its memory
            os._exit(1)

    def _returned(self, call: Call, handle: CallHandle) -> Any:
        handle.begin()
        method = getattr(self._engine, call.method)
        if call.method != "generate":
            return method(*call.arguments)
        if not call.takes_frames:
            return method(*call.arguments, on_step=handle.on_step)
        return method(*call.arguments, on_step=handle.on_step, on_frames=handle.on_frames)


def _cause_of(error: EngineError) -> str:
    """The stack trace of why a model was not loaded, for the log: it is about the operator's files, not a prompt."""
    if not isinstance(error, ModelLoadError) or error.__cause__ is None:
        return ""
    return "".join(traceback.format_exception(error.__cause__))


def main() -> None:
    """Entry point."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the worker handles them, and lets jobs end first
    # When the worker is killed, this process must end; a closed socket alone is not noticed while torch loads.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)  # a process started from here must not hold it open
    wire = Wire(connection)
    opening: Open = wire.receive()
    try:
        engine = opening.opens(listener=lambda status: wire.send(Changed(status)), **opening.options)
        device = engine.device
        wire.send(Opened(device.kind, device.name, device.dtype, tuple(engine.statuses())))
    except EngineError as error:
        wire.send(error)
        return
    except OSError:
        return  # the worker ended meanwhile
    EngineServer(engine, wire).serve()


if __name__ == "__main__":
    main()
