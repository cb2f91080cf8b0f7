"""Spans of what the process that draws has done: it only says how long each thing took."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry import trace

from atelier_diffusion.remote.messages import Decoded, StepDone


class EngineSpans:
    """Makes spans under the one that is current now, if that is recorded; `tracer` None means the process's own."""

    def __init__(self, tracer: trace.Tracer | None) -> None:
        current = trace.get_current_span()
        self._tracer = (tracer or trace.get_tracer("atelier_diffusion")) if current.is_recording() else None
        self._context = trace.set_span_in_context(current)

    def step(self, done: StepDone, scheduler: str) -> None:
        """`denoise.step`; the beginning of a call is none."""
        if done.step:
            self._add("denoise.step", {"step": done.step, "picture": done.picture_index, "scheduler": scheduler}, done)

    def frames(self, decoded: Decoded) -> None:
        """`decode.frames`, of one chunk."""
        chunk = decoded.chunk
        self._add("decode.frames", {"first_frame": chunk.first_index, "frames": len(chunk.pixels)}, decoded)

    def _add(self, name: str, attributes: Mapping[str, str | int], done: StepDone | Decoded) -> None:
        if self._tracer is not None:
            span = self._tracer.start_span(name, self._context, attributes=attributes, start_time=done.began_ns)
            span.end(done.ended_ns)
