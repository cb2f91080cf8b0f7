"""Metrics: the count and duration of every call."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from prometheus_client import Counter, Histogram

from atelier_service.interceptors.around import Around, Call, status_number

_CALLS = Counter("atelier_rpc_calls_total", "RPCs served", ["method", "code"])
_SECONDS = Histogram(
    "atelier_rpc_seconds",
    "Seconds that an RPC took; streams are as long as somebody watches",
    ["method"],
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)


class MetricsInterceptor(Around):
    """Outside of the failures interceptor, so that it sees the status that the caller sees."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Measures the duration, and counts the call at its end."""
        started = time.perf_counter()
        try:
            yield
        finally:
            code = _NAMES.get(status_number(call.context), "UNKNOWN")
            _CALLS.labels(call.method, code).inc()
            _SECONDS.labels(call.method).observe(time.perf_counter() - started)


_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}
