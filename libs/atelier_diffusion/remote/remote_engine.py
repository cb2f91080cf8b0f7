"""The client of an engine in a process of its own. Without torch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from opentelemetry import trace

from atelier_diffusion.engine.hardware import MemoryReading
from atelier_diffusion.engine.model_store import ModelStatus
from atelier_diffusion.engine.results import Clip, FrameChunk, Picture
from atelier_diffusion.policy.request import ImageRequest, VideoRequest
from atelier_diffusion.remote.engine_supervisor import EngineSupervisor
from atelier_diffusion.remote.messages import Decoded, Open, Returned, StepDone, Taken


class RemoteEngine:
    """Draws in another process, which is restarted when it ends; the calls in progress fail then.

    Every method raises the `EngineError` that the engine raises, ENGINE_LOST when the process ended during this call,
    ENGINE_RESTARTED when it ended while the call waited for its turn, and RuntimeError with a stack trace for an
    unexpected exception. A cancelled call ends at once here, and in the engine process within one denoising step, one
    chunk of frames, or when the model that it loads is loaded.
    """

    def __init__(self, supervisor: EngineSupervisor) -> None:
        self._supervisor = supervisor

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
        async with EngineSupervisor.open(Open(opens, options), listener) as supervisor:
            yield cls(supervisor)

    @property
    def device_kind(self) -> str:
        """The device's name for torch, such as `cpu` or `cuda:0`."""
        return self._supervisor.device_kind

    @property
    def device_name(self) -> str:
        """The device's name for people."""
        return self._supervisor.device_name

    @property
    def dtype(self) -> str:
        """Precision of weights, unless a model's card sets another."""
        return self._supervisor.dtype

    @property
    def statuses(self) -> tuple[ModelStatus, ...]:
        """The status of every model of the catalogue, the default first."""
        return self._supervisor.statuses

    @property
    def memory(self) -> MemoryReading | None:
        """The device's memory at the end of the last call; None before the first."""
        return self._supervisor.memory

    @property
    def resident_bytes(self) -> int:
        """Resident memory of the engine process; 0 when it is down."""
        return self._supervisor.resident_bytes

    @property
    def pid(self) -> int:
        """Process id of the engine process."""
        return self._supervisor.pid

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
        returned = await self._generate(request, model_id, on_step, _EngineSpans(tracer))
        return returned.value, returned.seconds

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
        spans = _EngineSpans(tracer)
        chunks: asyncio.Queue[Decoded] = asyncio.Queue(1)

        async def pass_on() -> NoReturn:
            while True:
                decoded = await chunks.get()
                spans.frames(decoded)
                await on_frames(decoded.chunk)
                self._supervisor.send(Taken(decoded.number))
                chunks.task_done()

        async def drawing() -> Returned:
            returned = await self._generate(request, model_id, on_step, spans, chunks.put_nowait)
            await chunks.join()
            return returned

        returned = await _first_of(drawing(), pass_on())
        return returned.value, returned.seconds

    async def load(self, model_id: str) -> ModelStatus:
        """See ImageEngine.load."""
        status: ModelStatus = (await self._supervisor.call("load", model_id)).value
        return status

    async def unload(self, model_id: str) -> ModelStatus:
        """See ImageEngine.unload."""
        status: ModelStatus = (await self._supervisor.call("unload", model_id)).value
        return status

    async def refresh(self) -> None:
        """See ImageEngine.refresh."""
        await self._supervisor.call("refresh")

    async def warm_up(self, model_id: str = "") -> ModelStatus:
        """See ImageEngine.warm_up."""
        status: ModelStatus = (await self._supervisor.call("warm_up", model_id)).value
        return status

    async def _generate(
        self,
        request: ImageRequest | VideoRequest,
        model_id: str,
        on_step: Callable[[StepDone], None],
        spans: _EngineSpans,
        on_decoded: Callable[[Decoded], None] | None = None,
    ) -> Returned:
        def report(done: StepDone) -> None:
            spans.step(done, request.scheduler)
            on_step(done)

        return await self._supervisor.call("generate", request, model_id, on_step=report, on_decoded=on_decoded)


class _EngineSpans:
    """Makes spans below the current one, if that is recorded; `tracer` None means the process's own."""

    def __init__(self, tracer: trace.Tracer | None) -> None:
        current = trace.get_current_span()
        self._tracer = (tracer or trace.get_tracer("atelier_diffusion")) if current.is_recording() else None
        self._context = trace.set_span_in_context(current)

    def step(self, done: StepDone, scheduler: str) -> None:
        """Makes the span `denoise.step`; none for step 0, which is the start of a call."""
        if done.step:
            self._add("denoise.step", {"step": done.step, "picture": done.picture_index, "scheduler": scheduler}, done)

    def frames(self, decoded: Decoded) -> None:
        """Makes the span `decode.frames` of one chunk."""
        chunk = decoded.chunk
        self._add("decode.frames", {"first_frame": chunk.first_index, "frames": len(chunk.pixels)}, decoded)

    def _add(self, name: str, attributes: Mapping[str, str | int], done: StepDone | Decoded) -> None:
        if self._tracer is not None:
            span = self._tracer.start_span(name, self._context, attributes=attributes, start_time=done.began_ns)
            span.end(done.ended_ns)


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
