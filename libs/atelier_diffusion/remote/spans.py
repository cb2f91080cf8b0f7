"""Spans of the work of the engine process, made from the times in its messages."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry import trace

from atelier_diffusion.remote.messages import Decoded, StepDone


class EngineSpans:
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
