"""One trace from the request to the last step and to storage."""

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.service.image.image_mesh import SMALL, ImageMesh


async def test_a_request_is_one_trace_through_all_parts(mesh: ImageMesh, spans: InMemorySpanExporter) -> None:
    ada = await mesh.owner()
    image = await ada.made((await ada.generate(**SMALL)).id)
    story = [span for span in spans.get_finished_spans() if f"{span.context.trace_id:032x}" == image.trace_id]
    by_id = {span.context.span_id: span for span in story}

    def lineage(span: ReadableSpan) -> list[str]:
        names = [span.name]
        while span.parent is not None:
            span = by_id[span.parent.span_id]
            names.append(span.name)
        return names

    def spans_named(name: str) -> list[ReadableSpan]:
        return [span for span in story if span.name == name]

    steps = spans_named("denoise.step")
    assert [span.attributes["step"] for span in steps if span.attributes] == [1, 2]
    submit = ["job.publish", "job.submit", "atelier.image.v1.ImageService/GenerateImage"]
    for step in steps:
        ancestors = lineage(step)
        assert ancestors[:3] == ["denoise.step", "image.generate", "job.attempt"]
        assert ancestors[3:] == submit
    (stored,) = [
        span for span in spans_named("atelier.storage.v1.StorageService/CreateAsset") if span.kind.name == "SERVER"
    ]
    assert lineage(stored)[-5:] == ["image.store", "job.attempt", *submit]
    assert spans_named("job.wait")
