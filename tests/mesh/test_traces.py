"""One trace from the REST call to the worker's last step and back."""

import uuid

import httpx2
from opentelemetry.proto.trace.v1 import trace_pb2

from atelier_service.testing.wait import eventually
from tests.mesh.picture import generate
from tests.mesh.trace_receiver import TraceReceiver

STEPS = 5


async def test_one_trace_joins_gateway_auth_submit_queue_worker_steps_and_storage(
    client: httpx2.Client, traces: TraceReceiver
) -> None:
    image = generate(client, seed=uuid.uuid4().int % 2**32, steps=STEPS)

    def complete() -> list[tuple[str, trace_pb2.Span]]:
        spans = traces.spans(image["trace_id"])
        names = [f"{service}:{s.name.rpartition('/')[2]}" for service, s in spans]
        wanted = {"atelier-image-worker:job.attempt", "atelier-storage:CreateAsset", "atelier-image:GenerateImage"}
        ids = {s.span_id for _, s in spans}
        joined = [s.parent_span_id in ids for _, s in spans].count(False) == 1  # Envoy sends its own every few seconds
        steps = names.count("atelier-image-worker:denoise.step")
        return spans if joined and wanted <= set(names) and steps == STEPS else []

    spans = await eventually(complete, 20, "all steps in the trace")
    by_id = {s.span_id: (service, s) for service, s in spans}

    def ancestors(span: trace_pb2.Span) -> list[str]:
        names = []
        while span.parent_span_id in by_id:
            service, span = by_id[span.parent_span_id]
            names.append(f"{service}:{span.name}")
        return names

    services = {service for service, _ in spans}
    assert {"atelier-image", "atelier-image-worker", "atelier-storage", "atelier-auth"} <= services
    (root,) = [service for service, s in spans if s.parent_span_id not in by_id]
    assert "gateway" in root
    for service, span in spans:
        if span.name == "denoise.step":
            line = ancestors(span)
            assert service == "atelier-image-worker"
            assert "atelier-image-worker:job.attempt" in line
            assert "atelier-image:atelier.image.v1.ImageService/GenerateImage" in line
        if service == "atelier-storage" and span.name.endswith("CreateAsset"):
            assert "atelier-image-worker:job.attempt" in ancestors(span)


def test_a_callers_own_trace_goes_on(client: httpx2.Client) -> None:
    trace_id = uuid.uuid4().hex
    answer = client.post(
        "/api/v1/images/generate",
        json={"prompt": "a red circle", "steps": 1},
        headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"},
    )
    assert answer.json()["trace_id"] == trace_id
