"""The process that draws: an engine that does what is said through a socket.

It has the interpreter to itself: what a service does meanwhile (databases, brokers, uploads) never holds up a
denoising step, and a crash in a native library takes no job with it. It ends with the service, however that ends.

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
    """The socket. One thread receives; any may send."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._incoming = connection.makefile("rb")
        self._sending = threading.Lock()

    def receive(self) -> Any:
        """The next message. Raises EOFError when the other process has ended or wants no more."""
        header = self._incoming.read(HEADER.size)
        if len(header) < HEADER.size:
            raise EOFError
        (length,) = HEADER.unpack(header)
        body = self._incoming.read(length)
        if len(body) < length:
            raise EOFError
        return unpacked(body)

    def send(self, message: object) -> None:
        """Raises OSError when nobody is there."""
        data = packed(message)
        with self._sending:
            self._connection.sendall(data)


class EngineServer:
    """Takes calls from the wire and answers them."""

    def __init__(self, engine: Any, wire: Wire) -> None:
        self._engine = engine
        self._wire = wire
        self._for_the_device: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._elsewhere = ThreadPoolExecutor(8, thread_name_prefix="call")
        self._callers: dict[int, CallHandle] = {}

    def work(self) -> None:
        """Never returns."""
        threading.Thread(target=self._listen, name="wire", daemon=True).start()
        while True:
            self._answer(self._for_the_device.get())

    def _listen(self) -> None:
        """Ends the process when nobody is left to draw for, whatever is being drawn, and also when it fails: a process
        that hears nothing must not go on."""
        try:
            while True:
                self._take(self._wire.receive())
        except (EOFError, OSError):
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)

    def _take(self, message: Call | Stop | Taken) -> None:
        if isinstance(message, Call):
            self._callers[message.number] = CallHandle(message.number, self._wire.send)
            if message.method in ON_THE_DEVICE:
                self._for_the_device.put(message)
            else:
                self._elsewhere.submit(self._answer, message)
            return
        caller = self._callers.get(message.number)
        if caller is None:
            return  # answered meanwhile
        if isinstance(message, Stop):
            caller.stop()
        else:
            caller.take()

    def _answer(self, call: Call) -> None:
        """Answers, or ends the process: the service then hears of it, which waits for ever otherwise."""
        caller = self._callers[call.number]
        try:
            try:
                answer: object = Returned(call.number, self._done(call, caller), caller.device_s)
            except EngineError as error:
                answer = Raised(call.number, error, _cause_of(error))
            except CanceledError:
                answer = Raised(call.number, None)  # whoever said so waits no longer
            except Exception:  # noqa: BLE001 - told to the service, which logs it and lets the job fail
                answer = Raised(call.number, None, traceback.format_exc())
            del self._callers[call.number]
            self._wire.send(Memory(self._engine.memory()))
            self._wire.send(answer)
        except OSError:
            os._exit(0)
        except BaseException:  # noqa: BLE001 - nobody else is there to hear of it
            traceback.print_exc()  # such as a driver that no longer tells of its memory
            os._exit(1)

    def _done(self, call: Call, caller: CallHandle) -> Any:
        caller.begin()
        method = getattr(self._engine, call.method)
        if call.method != "generate":
            return method(*call.arguments)
        if not call.takes_frames:
            return method(*call.arguments, on_step=caller.on_step)
        return method(*call.arguments, on_step=caller.on_step, on_frames=caller.on_frames)


def _cause_of(error: EngineError) -> str:
    """For the log, of a model that was not loaded: its files are the operator's, and hold no prompt."""
    if not isinstance(error, ModelLoadError) or error.__cause__ is None:
        return ""
    return "".join(traceback.format_exception(error.__cause__))


def main() -> None:
    """Entry point."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they are the service's, which lets jobs end first
    # When the service is killed, it has nobody to draw for; hanging up alone is not noticed while torch loads.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)  # whatever is started from here must not keep it open
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
        return  # the service ended meanwhile
    EngineServer(engine, wire).work()


if __name__ == "__main__":
    main()
