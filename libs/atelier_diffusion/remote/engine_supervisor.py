"""The supervisor of an engine process: starts it, restarts it when it ends, and passes calls and messages through.

Without torch.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import structlog

from atelier_diffusion.engine.hardware import MemoryReading
from atelier_diffusion.engine.model_store import ModelState, ModelStatus
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.remote.engine_process import EngineProcess
from atelier_diffusion.remote.messages import (
    ON_THE_DEVICE,
    Call,
    Changed,
    Decoded,
    Memory,
    Open,
    Opened,
    Raised,
    Returned,
    StepDone,
    Stop,
)

_log = structlog.get_logger(__name__)

_OPEN_S = 300.0  # to import torch and find the device, on a very busy machine


@dataclass(slots=True)
class _PendingCall:
    """A call that has not ended."""

    future: asyncio.Future[Returned]
    on_step: Callable[[StepDone], None]
    on_decoded: Callable[[Decoded], None] | None
    on_the_device: bool


class EngineSupervisor:
    """Holds one engine process open.

    Attributes:
        device_kind: The device's name for torch, such as `cpu` or `cuda:0`.
        device_name: The device's name for people.
        dtype: Precision of weights, unless a model's card sets another.
        memory: The device's memory at the end of the last call; None before the first.
    """

    def __init__(self, opening: Open, listener: Callable[[ModelStatus], None]) -> None:
        self._opening = opening
        self._listener = listener
        self._numbers = itertools.count(1)
        self._calls: dict[int, _PendingCall] = {}
        self._statuses: dict[str, ModelStatus] = {}
        self._opened = asyncio.Event()
        self._process: EngineProcess | None = None
        self.device_kind = ""
        self.device_name = ""
        self.dtype = ""
        self.memory: MemoryReading | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, opening: Open, listener: Callable[[ModelStatus], None]) -> AsyncIterator[EngineSupervisor]:
        """Starts the process, and ends it at the end of the block.

        Args:
            opening: How the engine is opened.
            listener: Receives every change of a model's status, in the event loop.

        Yields:
            The supervisor, with its engine open.

        Raises:
            EngineError: The engine cannot be opened.
            RuntimeError: The process ended before.
        """
        supervisor = cls(opening, listener)
        try:
            process = await supervisor._start()
            async with asyncio.TaskGroup() as group:
                supervision = group.create_task(supervisor._supervise(process))
                try:
                    yield supervisor
                finally:
                    supervision.cancel()
        finally:
            if supervisor._process is not None:
                await supervisor._process.end()

    @property
    def statuses(self) -> tuple[ModelStatus, ...]:
        """The status of every model of the catalogue, the default first."""
        return tuple(self._statuses.values())

    @property
    def resident_bytes(self) -> int:
        """Resident memory of the engine process; 0 when it is down."""
        return 0 if self._process is None else self._process.resident_bytes

    @property
    def pid(self) -> int:
        """Process id of the engine process."""
        assert self._process is not None
        return self._process.pid

    async def call(
        self,
        method: str,
        *arguments: Any,
        on_step: Callable[[StepDone], None] = lambda _: None,
        on_decoded: Callable[[Decoded], None] | None = None,
    ) -> Returned:
        """Calls a method of the engine, once the engine is open. A cancelled call is cancelled in the process too.

        Args:
            method: The method's name.
            arguments: Its positional arguments; picklable.
            on_step: Receives every step of the call.
            on_decoded: Receives chunks of frames; each must be acknowledged with `send(Taken(…))`.

        Raises:
            EngineError: The method raised it, or the process ended: ENGINE_LOST or ENGINE_RESTARTED.
            RuntimeError: The method raised another exception.
        """
        await self._opened.wait()
        number = next(self._numbers)
        future: asyncio.Future[Returned] = asyncio.get_running_loop().create_future()
        self._calls[number] = _PendingCall(future, on_step, on_decoded, on_the_device=method in ON_THE_DEVICE)
        try:
            self.send(Call(number, method, arguments, takes_frames=on_decoded is not None))
            return await future
        except asyncio.CancelledError:
            self.send(Stop(number))
            raise
        finally:
            self._calls.pop(number, None)

    def send(self, message: object) -> None:
        """Sends a message to the process; dropped while there is none."""
        if self._process is not None:
            self._process.send(message)

    async def _start(self) -> EngineProcess:
        """Starts the process and waits until its engine is open.

        Raises:
            EngineError: The engine cannot be opened.
            RuntimeError: The process ended before.
        """
        process = self._process = await EngineProcess.start(self._opening)
        try:
            async with asyncio.timeout(_OPEN_S):
                while not self._opened.is_set():
                    message = await process.receive()
                    if message is None:
                        raise RuntimeError(f"the engine process ended before it was ready: {await process.end()}")
                    if isinstance(message, EngineError):
                        raise message
                    self._handle(message)
        except BaseException:
            process.kill()  # it has no work yet, and does not notice a closed socket while it loads torch
            raise
        return process

    async def _supervise(self, process: EngineProcess) -> None:
        """Handles the messages of the process and restarts it when it ends. A failure to do so ends the worker."""
        while True:
            while (message := await process.receive()) is not None:
                self._handle(message)
            self._opened.clear()
            how = await process.end()
            _log.error("the engine process ended", how=how, calls=len(self._calls))
            self._fail_calls(how)
            self.memory = None
            for status in self.statuses:
                if status.state is not ModelState.UNLOADED:
                    self._listener(replace(status, state=ModelState.UNLOADED, memory_bytes=0, reason="", message=""))
            process = await self._start()

    def _fail_calls(self, how: str) -> None:
        """Fails all calls in progress. The first of those that use the device had it, since they run in order, and may
        be what ended the process: ENGINE_LOST. Those that waited behind it had no part in it: ENGINE_RESTARTED."""
        drawing = min((number for number, call in self._calls.items() if call.on_the_device), default=None)
        for number, call in self._calls.items():
            waited = call.on_the_device and number != drawing
            reason = "ENGINE_RESTARTED" if waited else "ENGINE_LOST"
            _settle(call.future, EngineError(reason, f"the engine process ended ({how})"))

    def _handle(self, message: object) -> None:
        match message:
            case StepDone() if message.number in self._calls:
                self._calls[message.number].on_step(message)
            case Decoded() if message.number in self._calls:
                take = self._calls[message.number].on_decoded
                assert take is not None
                take(message)
            case Returned() if message.number in self._calls:
                _settle(self._calls[message.number].future, message)
            case Raised() if message.number in self._calls:
                if message.error and message.trace:
                    _log.warning("a model was not loaded", reason=message.error.reason, cause=message.trace)
                error = message.error or RuntimeError(f"in the engine process:\n{message.trace}")
                _settle(self._calls[message.number].future, error)
            case Changed():
                self._statuses[message.status.model_id] = message.status
                self._listener(message.status)
            case Memory():
                self.memory = message.reading
            case Opened():
                self.device_kind, self.device_name = message.device_kind, message.device_name
                self.dtype = message.dtype
                self._statuses = {status.model_id: status for status in message.statuses}
                self._opened.set()


def _settle(future: asyncio.Future[Any], outcome: Returned | BaseException) -> None:
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
