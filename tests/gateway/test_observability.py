"""What the gateway tells of itself, and what it keeps to itself."""

import re
from pathlib import Path

import grpc.aio
import httpx2
import pytest
import websockets
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.gateway.mesh import Gateway, Upstream, run_mesh
from tests.support.wait import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


async def test_a_clients_trace_goes_on_and_comes_back(
    gateway: Gateway, upstream: Upstream, ada: dict[str, str]
) -> None:
    answer = await gateway.rest.get("/api/v1/images/1", headers={**ada, "traceparent": PARENT})

    assert answer.headers["x-trace-id"] == TRACE
    assert upstream.images.metadata["traceparent"] == PARENT


@pytest.mark.parametrize("parent", [None, "nonsense", "00-short-b7ad6b7169203331-01"])
async def test_a_request_without_a_trace_gets_one(
    gateway: Gateway, upstream: Upstream, ada: dict[str, str], parent: str | None
) -> None:
    headers = ada if parent is None else {**ada, "traceparent": parent}

    answer = await gateway.rest.get("/api/v1/images/1", headers=headers)

    trace = answer.headers["x-trace-id"]
    assert re.fullmatch("[0-9a-f]{32}", trace)
    assert re.fullmatch(f"00-{trace}-[0-9a-f]{{16}}-01", upstream.images.metadata["traceparent"])


@pytest.mark.parametrize("path", ["/api/v1/images/none", "/api/v1/images?foo=1", "/nope", "/api/v1/openapi.json"])
async def test_errors_and_files_have_their_trace_id_too(gateway: Gateway, ada: dict[str, str], path: str) -> None:
    answer = await gateway.rest.get(path, headers={**ada, "traceparent": PARENT})
    refusal = await gateway.rest.get("/api/v1/images/1", headers={"traceparent": PARENT})

    assert answer.headers["x-trace-id"] == TRACE
    assert refusal.headers["x-trace-id"] == TRACE


async def test_responses_do_not_name_the_software(gateway: Gateway, ada: dict[str, str]) -> None:
    for path in ("/api/v1/images/1", "/api/v1/images/none", "/nope", "/healthz"):
        answer = await gateway.rest.get(path, headers=ada)
        assert answer.headers["server"] == "atelier"
        assert not [name for name in answer.headers if name.startswith(("x-envoy", "grpc-"))]


async def test_the_access_log_has_caller_and_request_and_no_secrets(gateway: Gateway, upstream: Upstream) -> None:
    token = upstream.signer.token("logged")
    await gateway.rest.get("/api/v1/images/1/events?after_seq=2", headers={"authorization": f"Bearer {token}"})
    await gateway.rest.get("/api/v1/images/1", headers={"x-api-key": "atl_logged_secret", "traceparent": PARENT})
    url = f"ws://127.0.0.1:{gateway.settings.port}/ws/v1/events?access_token={token}"
    async with websockets.connect(url) as socket:
        await socket.recv()

    def mine() -> list[dict[str, object]]:
        return [entry for entry in gateway.access_log() if entry["subject"] == "logged"]

    await eventually(lambda: len(mine()) == 3)
    watch, get, websocket = mine()
    assert watch["path"] == "/api/v1/images/1/events"
    assert watch["rpc"] == "/atelier.image.v1.ImageStreamService/WatchImage"
    assert watch["status"] == 200
    assert get["trace_id"] == TRACE
    assert get["route"] == "atelier.image.v1.ImageService/GetImage"
    assert websocket["path"] == "/ws/v1/events"
    logged = gateway.settings.access_log.read_text()
    assert token not in logged
    assert "atl_logged_secret" not in logged
    assert "after_seq" not in logged


async def test_metrics_are_on_the_internal_port_only(gateway: Gateway, ada: dict[str, str]) -> None:
    async with httpx2.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{gateway.settings.internal_port}/metrics")

    assert answer.status_code == 200
    assert "envoy_cluster_upstream_rq" in answer.text
    assert (await gateway.rest.get("/metrics", headers=ada)).status_code == 404


class Spans(trace_service_pb2_grpc.TraceServiceServicer):
    """Collects what is exported."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, str, str]] = []
        self.names: dict[str, set[str]] = {}

    async def Export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: object
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        for resource in request.resource_spans:
            attributes = {a.key: a.value.string_value for a in resource.resource.attributes}
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                self.names.setdefault(span.trace_id.hex(), set()).add(span.name)
                self.found.append(
                    (attributes["service.name"], span.trace_id.hex(), span.parent_span_id.hex(), span.span_id.hex())
                )
        return trace_service_pb2.ExportTraceServiceResponse()


async def test_spans_go_to_the_collector_and_continue_the_clients_trace(tmp_path: Path) -> None:
    spans = Spans()
    collector = grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(spans, collector)  # type: ignore[no-untyped-call]
    port = collector.add_insecure_port("127.0.0.1:0")
    await collector.start()
    try:
        async with run_mesh(tmp_path, otlp_endpoint=f"http://127.0.0.1:{port}") as (gateway, upstream):
            headers = {"authorization": f"Bearer {upstream.signer.token()}", "traceparent": PARENT}
            answer = await gateway.rest.get("/api/v1/images/1", headers=headers)
            seen = upstream.images.metadata["traceparent"].split("-")

            await eventually(lambda: len([span for span in spans.found if span[1] == TRACE]) >= 2, 15)
            mine = [span for span in spans.found if span[1] == TRACE]
            assert {service for service, *_ in mine} == {"atelier-gateway"}
            assert spans.names[TRACE] == {"atelier.image.v1.ImageService/GetImage"}
            assert answer.headers["x-trace-id"] == TRACE
            assert seen[1] == TRACE
            assert seen[2] in {span_id for *_, span_id in mine}
            assert PARENT.split("-")[2] in {parent for _, _, parent, _ in mine}

            fresh = await gateway.rest.get("/api/v1/images/1", headers={"authorization": headers["authorization"]})
            assert fresh.headers["x-trace-id"] == upstream.images.metadata["traceparent"].split("-")[1]
            entries = await eventually(lambda: _logged(gateway, fresh.headers["x-trace-id"]))
            assert len(entries) == 1
    finally:
        await collector.stop(0)


def _logged(gateway: Gateway, trace: str) -> list[dict[str, object]]:
    return [entry for entry in gateway.access_log() if entry["trace_id"] == trace]
