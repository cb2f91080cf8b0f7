"""The process that draws: an engine that does what is said through a socket.

It has the interpreter to itself: what a service does meanwhile (databases, brokers, uploads) never holds up a
denoising step, and a crash in a native library takes no job with it. It ends with the service, however that ends.

    python -m atelier_diffusion.engine_process FD
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from atelier_diffusion.encode import preview_jpeg
from atelier_diffusion.engine_messages import (
    HEADER,
    ON_THE_DEVICE,
    Call,
    Changed,
    Memory,
    Open,
    Opened,
    Raised,
    Returned,
    StepDone,
    Stop,
    packed,
    unpacked,
)
from atelier_diffusion.errors import CanceledError, EngineError

PREVIEW_EVERY_S = 0.5


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


class Desk:
    """Takes calls from the wire and answers them."""

    def __init__(self, engine: Any, wire: Wire) -> None:
        self._engine = engine
        self._wire = wire
        self._for_the_device: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._elsewhere = ThreadPoolExecutor(8, thread_name_prefix="call")
        self._stopped: dict[int, threading.Event] = {}

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

    def _take(self, message: Call | Stop) -> None:
        if isinstance(message, Stop):
            stopped = self._stopped.get(message.number)
            if stopped is not None:
                stopped.set()
            return
        self._stopped[message.number] = threading.Event()
        if message.method in ON_THE_DEVICE:
            self._for_the_device.put(message)
        else:
            self._elsewhere.submit(self._answer, message)

    def _answer(self, call: Call) -> None:
        """Answers, or ends the process: the service then hears of it, which waits for ever otherwise."""
        began = time.perf_counter()
        try:
            try:
                answer: object = Returned(call.number, self._done(call), time.perf_counter() - began)
            except EngineError as error:
                answer = Raised(call.number, error)
            except CanceledError:
                answer = Raised(call.number, None)  # whoever said so waits no longer
            except Exception:  # noqa: BLE001 - told to the service, which logs it and lets the job fail
                answer = Raised(call.number, None, traceback.format_exc())
            del self._stopped[call.number]
            self._wire.send(Memory(self._engine.memory()))
            self._wire.send(answer)
        except OSError:
            os._exit(0)
        except BaseException:  # noqa: BLE001 - nobody else is there to hear of it
            traceback.print_exc()  # such as a driver that no longer tells of its memory
            os._exit(1)

    def _done(self, call: Call) -> Any:
        stopped = self._stopped[call.number]
        if stopped.is_set():
            raise CanceledError
        method = getattr(self._engine, call.method)
        if call.method != "generate":
            return method(*call.arguments)
        return method(*call.arguments, on_step=self._teller(call.number, stopped))

    def _teller(self, number: int, stopped: threading.Event) -> Callable[[Any], bool]:
        """Tells every step, with a preview twice a second."""
        last_ns, previewed = time.time_ns(), time.monotonic()

        def tell(report: Any) -> bool:
            nonlocal last_ns, previewed
            if stopped.is_set():
                return False
            began_ns, ended_ns, preview = last_ns, time.time_ns(), b""
            wanted = report.preview is not None and report.step < report.steps
            if wanted and time.monotonic() - previewed >= PREVIEW_EVERY_S:
                preview = preview_jpeg(report.preview())
                previewed = time.monotonic()
            self._wire.send(
                StepDone(number, report.step, report.steps, report.picture_index, began_ns, ended_ns, preview)
            )
            last_ns = time.time_ns()
            return True

        return tell


def main() -> None:
    """Entry point."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they are the service's, which lets jobs end first
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
    Desk(engine, wire).work()


if __name__ == "__main__":
    main()
