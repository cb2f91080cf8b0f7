"""Fixtures that tests of several services take."""

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.support.nats import nats_server

__all__ = ["nats_server"]


@pytest.fixture(scope="session")
def all_spans() -> InMemorySpanExporter:
    """Every span that ends in this process. A process has one tracer provider, set once: the one of the test session,
    which collects here too."""
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture
def spans(all_spans: InMemorySpanExporter) -> Iterator[InMemorySpanExporter]:
    """The spans that end from now on, of all parts of the mesh."""
    all_spans.clear()
    yield all_spans
    all_spans.clear()
