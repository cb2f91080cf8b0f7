"""Submits and makes one job, and prints `name trace span parent` of every span but those of SQL."""

import asyncio
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from atelier_jobs.domain.job import Job
from atelier_jobs.domain.progress import Progress
from atelier_jobs.events.watch import Watching
from atelier_jobs.worker.attempt import Attempt
from atelier_service.telemetry import tracer
from tests.ports.jobs.mesh import make_result, open_process, open_worker


async def _in_a_thread(job: Job, attempt: Attempt) -> bytes:
    def step() -> None:
        with tracer().start_as_current_span("inside", context=attempt.span_context):
            attempt.report(Progress(stage="drawing", done=1, total=1, unit="step", fraction=1.0))

    await asyncio.get_running_loop().run_in_executor(None, step)
    return await make_result(job, attempt)


async def main(database_url: str, nats_url: str) -> None:
    """One job, from a caller's span."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    async with open_process(database_url, nats_url) as api, open_worker(api, _in_a_thread):
        with tracer().start_as_current_span("caller"):
            job = await api.plane.submit()
        ended = await Watching(api.plane.jobs, api.bus, api.plane.events).end("ada", job.id, 20)
        assert ended.result is not None
    for span in exporter.get_finished_spans():
        if not span.name.startswith("sql"):
            parent = f"{span.parent.span_id:016x}" if span.parent else "-"
            print("span", span.name, f"{span.context.trace_id:032x} {span.context.span_id:016x}", parent)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
