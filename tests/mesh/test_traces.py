"""One trace from the REST call to the worker's last step and back."""

import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.mesh.clip import generate_clip
from tests.mesh.picture import generate
from tests.mesh.seed import new_seed
from tests.mesh.trace_receiver import TraceReceiver
from tests.support.wait import eventually

STEPS = 5
# A worker's spans, and how many there are at least. A clip's frames come in chunks, and every chunk is encoded; it has
# a poster, a contact sheet and a file of frames besides.
WORKER_SPANS = {
    "image": Counter({"job.attempt": 1, "denoise.step": STEPS}),
    "video": Counter({"job.attempt": 1, "denoise.step": STEPS, "decode.frames": 1, "video.encode": 2}),
}
STORED = {"image": 1, "video": 4}


@pytest.mark.parametrize(("kind", "make"), [("image", generate), ("video", generate_clip)], ids=["image", "video"])
async def test_one_trace_joins_gateway_auth_submit_queue_worker_steps_and_storage(
    kind: str, make: Callable[..., dict[str, Any]], client: httpx2.Client, traces: TraceReceiver
) -> None:
    made = make(client, seed=new_seed(), steps=STEPS)
    service, worker = f"atelier-{kind}", f"atelier-{kind}-worker"
    submit = f"{service}:atelier.{kind}.v1.{kind.title()}Service/Generate{kind.title()}"
    wanted = Counter({f"{worker}:{name}": count for name, count in WORKER_SPANS[kind].items()})
    wanted += Counter({"atelier-storage:CreateAsset": STORED[kind], f"{service}:Generate{kind.title()}": 1})

    def complete() -> list[tuple[str, trace_pb2.Span]]:
        spans = traces.spans(made["trace_id"])
        names = Counter(f"{service}:{s.name.rpartition('/')[2]}" for service, s in spans)
        ids = {s.span_id for _, s in spans}
        joined = [s.parent_span_id in ids for _, s in spans].count(False) == 1  # Envoy sends its own every few seconds
        return spans if joined and wanted <= names else []

    spans = await eventually(complete, 20, "all of it in the trace")
    by_id = {s.span_id: (service, s) for service, s in spans}

    def ancestors(span: trace_pb2.Span) -> list[str]:
        names = []
        while span.parent_span_id in by_id:
            service, span = by_id[span.parent_span_id]
            names.append(f"{service}:{span.name}")
        return names

    assert {service, worker, "atelier-storage", "atelier-auth"} <= {service for service, _ in spans}
    (root,) = [service for service, s in spans if s.parent_span_id not in by_id]
    assert "gateway" in root
    assert [s.name for _, s in spans].count("denoise.step") == STEPS
    for name, span in spans:
        if span.name in WORKER_SPANS[kind]:
            assert name == worker
            assert submit in ancestors(span)
        if span.name in WORKER_SPANS[kind].keys() - {"job.attempt"} or span.name.endswith("/CreateAsset"):
            assert f"{worker}:job.attempt" in ancestors(span)


def test_a_callers_own_trace_goes_on(client: httpx2.Client) -> None:
    trace_id = uuid.uuid4().hex
    answer = client.post(
        "/api/v1/images/generate",
        json={"prompt": "a red circle", "steps": 1},
        headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"},
    )
    assert answer.json()["trace_id"] == trace_id
