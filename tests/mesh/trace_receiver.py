"""Receives spans as a collector would: OTLP over gRPC."""

from collections import defaultdict
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2


class TraceReceiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps every span that arrives, by trace id, with the name of the service that sent it."""

    def __init__(self) -> None:
        self.address = ""
        self._traces: defaultdict[str, list[tuple[str, trace_pb2.Span]]] = defaultdict(list)

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:
        """See OTLP."""
        for resource in request.resource_spans:
            attributes = {a.key: a.value.string_value for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self._traces[span.trace_id.hex()].append((attributes.get("service.name", "?"), span))
        return trace_service_pb2.ExportTraceServiceResponse()

    def spans(self, trace_id: str) -> list[tuple[str, trace_pb2.Span]]:
        """The spans of one trace so far: pairs of service and span."""
        return list(self._traces.get(trace_id, ()))


@contextmanager
def receiving() -> Iterator[TraceReceiver]:
    """A receiver on a free port."""
    receiver = TraceReceiver()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(receiver, server)  # type: ignore[no-untyped-call]
    receiver.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield receiver
    finally:
        server.stop(0).wait()
