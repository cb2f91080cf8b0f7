"""The client of an engine in a process of its own. Without torch."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import structlog
from opentelemetry import trace

from atelier_diffusion.engine.hardware import MemoryReading
from atelier_diffusion.engine.model_cache import ModelState, ModelStatus
from atelier_diffusion.engine.results import Clip, FrameChunk, Picture
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.request import ImageRequest, VideoRequest
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
    Taken,
)
from atelier_diffusion.remote.spans import EngineSpans

_log = structlog.get_logger(__name__)

_OPEN_S = 300.0  # to import torch and find the device, on a very busy machine


@dataclass(slots=True)
class _Pending:
    future: asyncio.Future[Any]
    on_step: Callable[[StepDone], None]
    on_decoded: Callable[[Decoded], None] | None
    on_the_device: bool


class RemoteEngine:
    """Draws in another process, which is restarted when it ends; the calls in progress fail then.

    Every method raises the `EngineError` that the engine raises, ENGINE_LOST when the process ended during this call,
    ENGINE_RESTARTED when it ended while the call waited for its turn, and RuntimeError with a stack trace for an
    unexpected exception. A cancelled call ends at once here, and in the engine process within one denoising step, one
    chunk of frames, or when the model that it loads is loaded.
    """

    def __init__(self, opening: Open, listener: Callable[[ModelStatus], None]) -> None:
        self._opening = opening
        self._listener = listener
        self._numbers = itertools.count(1)
        self._calls: dict[int, _Pending] = {}
        self._statuses: dict[str, ModelStatus] = {}
        self._opened = asyncio.Event()
        self._process: EngineProcess | None = None
        self._memory: MemoryReading | None = None
        self.device_kind = ""
        self.device_name = ""
        self.dtype = ""

    @classmethod
    @asynccontextmanager
    async def open(
        cls, opens: Callable[..., Any], *, listener: Callable[[ModelStatus], None] = lambda _: None, **options: Any
    ) -> AsyncIterator[RemoteEngine]:
        """Opens an engine in another process, and closes it at the end of the block.

        Args:
            opens: A module's function that makes the engine, called as `opens(listener=…, **options)`.
            listener: Receives every change of a model's status, in the event loop.
            options: Picklable keyword arguments of `opens`.

        Yields:
            The engine, open.

        Raises:
            EngineError: `opens` raised it.
            RuntimeError: The process ended before the engine was open.
        """
        engine = cls(Open(opens, options), listener)
        try:
            process = await engine._start()
            async with asyncio.TaskGroup() as group:
                supervision = group.create_task(engine._supervise(process))
                try:
                    yield engine
                finally:
                    supervision.cancel()
        finally:
            if engine._process is not None:
                await engine._process.end()

    @property
    def statuses(self) -> tuple[ModelStatus, ...]:
        """The status of every model of the catalogue, the default first."""
        return tuple(self._statuses.values())

    @property
    def memory(self) -> MemoryReading | None:
        """The device's memory at the end of the last call; None before the first."""
        return self._memory

    @property
    def resident_bytes(self) -> int:
        """Resident memory of the engine process; 0 when it is down."""
        return 0 if self._process is None else self._process.resident_bytes

    @property
    def pid(self) -> int:
        """Process id of the engine process."""
        assert self._process is not None
        return self._process.pid

    async def generate(
        self,
        request: ImageRequest,
        model_id: str = "",
        *,
        on_step: Callable[[StepDone], None] = lambda _: None,
        tracer: trace.Tracer | None = None,
    ) -> tuple[list[Picture], float]:
        """Draws pictures; see `ImageEngine.generate`.

        Args:
            request: What to draw.
            model_id: An empty one means the catalogue's default.
            on_step: Receives every step, in the event loop.
            tracer: Makes a span of each step below a recorded span; by default the process's own.

        Returns:
            The pictures, and the seconds that they took on the device.
        """
        answer = await self._generate(request, model_id, on_step, EngineSpans(tracer))
        return answer.value, answer.seconds

    async def generate_clip(
        self,
        request: VideoRequest,
        model_id: str = "",
        *,
        on_frames: Callable[[FrameChunk], Awaitable[None]],
        on_step: Callable[[StepDone], None] = lambda _: None,
        tracer: trace.Tracer | None = None,
    ) -> tuple[Clip, float]:
        """Draws a clip; see `VideoEngine.generate`. Otherwise as `generate`.

        Args:
            request: What to draw.
            model_id: An empty one means the catalogue's default.
            on_frames: Receives one chunk after the other, in their order. While it runs the next chunk is decoded, and
                no more; the device is free for the next call once the last one is decoded. An exception of it ends the
                call and is raised as it is. It is cancelled with the call and when the process ends, and has ended
                when this method returns.
            on_step: Receives every step, in the event loop.
            tracer: As for `generate`.

        Returns:
            The clip, and the seconds that it took on the device, without those in which the device waited for
            `on_frames`.
        """
        spans = EngineSpans(tracer)
        chunks: asyncio.Queue[Decoded] = asyncio.Queue(1)

        async def pass_on() -> NoReturn:
            while True:
                decoded = await chunks.get()
                spans.frames(decoded)
                await on_frames(decoded.chunk)
                self._send(Taken(decoded.number))
                chunks.task_done()

        async def drawing() -> Returned:
            answer = await self._generate(request, model_id, on_step, spans, chunks.put_nowait)
            await chunks.join()
            return answer

        answer = await _first_of(drawing(), pass_on())
        return answer.value, answer.seconds

    async def load(self, model_id: str) -> ModelStatus:
        """See ImageEngine.load."""
        status: ModelStatus = (await self._call("load", model_id)).value
        return status

    async def unload(self, model_id: str) -> ModelStatus:
        """See ImageEngine.unload."""
        status: ModelStatus = (await self._call("unload", model_id)).value
        return status

    async def refresh(self) -> None:
        """See ImageEngine.refresh."""
        await self._call("refresh")

    async def warm_up(self, model_id: str = "") -> ModelStatus:
        """See ImageEngine.warm_up."""
        status: ModelStatus = (await self._call("warm_up", model_id)).value
        return status

    async def _generate(
        self,
        request: ImageRequest | VideoRequest,
        model_id: str,
        on_step: Callable[[StepDone], None],
        spans: EngineSpans,
        on_decoded: Callable[[Decoded], None] | None = None,
    ) -> Returned:
        def report(done: StepDone) -> None:
            spans.step(done, request.scheduler)
            on_step(done)

        return await self._call("generate", request, model_id, on_step=report, on_decoded=on_decoded)

    async def _call(
        self,
        method: str,
        *arguments: Any,
        on_step: Callable[[StepDone], None] = lambda _: None,
        on_decoded: Callable[[Decoded], None] | None = None,
    ) -> Returned:
        await self._opened.wait()
        number = next(self._numbers)
        future: asyncio.Future[Returned] = asyncio.get_running_loop().create_future()
        self._calls[number] = _Pending(future, on_step, on_decoded, on_the_device=method in ON_THE_DEVICE)
        try:
            self._send(Call(number, method, arguments, takes_frames=on_decoded is not None))
            return await future
        except asyncio.CancelledError:
            self._send(Stop(number))
            raise
        finally:
            self._calls.pop(number, None)

    def _send(self, message: object) -> None:
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
                    answer = await process.receive()
                    if answer is None:
                        raise RuntimeError(f"the engine process ended before it was ready: {await process.end()}")
                    if isinstance(answer, EngineError):
                        raise answer
                    self._handle(answer)
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
            self._memory = None
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
                self._memory = message.reading
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


async def _first_of(drawing: Coroutine[Any, Any, Returned], passing_on: Coroutine[Any, Any, NoReturn]) -> Returned:
    """The result of `drawing`, or what either raises first; the other is cancelled. Both have ended afterwards."""
    tasks = [asyncio.create_task(drawing), asyncio.create_task(passing_on)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
