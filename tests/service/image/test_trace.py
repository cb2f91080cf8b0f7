"""One trace from the request to the last step and to storage."""

from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from atelier.jobs.v1 import job_pb2
from tests.service.image.image_mesh import LONG, SMALL, ImageMesh, image_mesh
from tests.support.nats import NatsServer
from tests.support.s3 import S3Server
from tests.support.wait import eventually


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
    submit = ["job.submit", "atelier.image.v1.ImageService/GenerateImage"]
    for step in steps:
        ancestors = lineage(step)
        assert ancestors[:3] == ["denoise.step", "image.generate", "job.attempt"]
        assert ancestors[3:] == submit
    (stored,) = [
        span for span in spans_named("atelier.storage.v1.StorageService/CreateAsset") if span.kind.name == "SERVER"
    ]
    assert lineage(stored)[-4:] == ["image.store", "job.attempt", *submit]
    assert spans_named("job.wait")


async def test_the_write_to_the_blob_store_and_the_read_are_spans(mesh: ImageMesh, spans: InMemorySpanExporter) -> None:
    ada = await mesh.owner()
    image = await ada.made((await ada.generate(**SMALL)).id)
    await ada.content(image.id)
    found = {span.context.span_id: span for span in spans.get_finished_spans()}
    for operation, parent in (("PutObject", "CreateAsset"), ("GetObject", "GetAssetContent")):
        (span,) = [span for span in found.values() if span.name == f"S3/{operation}"]
        assert span.kind.name == "CLIENT"
        assert span.parent is not None
        assert found[span.parent.span_id].name == f"atelier.storage.v1.StorageService/{parent}"
        attributes = span.attributes or {}
        assert (attributes["rpc.system"], attributes["rpc.method"]) == ("aws-api", operation)
        assert attributes["server.port"]
        assert span.status.is_unset


async def test_a_picture_that_its_owner_cancels_is_no_error(mesh: ImageMesh, spans: InMemorySpanExporter) -> None:
    ada = await mesh.owner()
    image = await ada.running((await ada.generate(**LONG)).id)
    await ada.cancel(image.id)
    assert (await ada.made(image.id)).state == job_pb2.CANCELED

    def of_the_attempt() -> list[ReadableSpan]:
        names = ("job.attempt", "image.generate")
        story = [s for s in spans.get_finished_spans() if f"{s.context.trace_id:032x}" == image.trace_id]
        return story if {s.name for s in story} >= set(names) else []

    story = await eventually(of_the_attempt)
    assert [span.name for span in story if not span.status.is_ok and not span.status.is_unset] == []
    assert not any(span.events for span in story)
    (attempt,) = [span for span in story if span.name == "job.attempt"]
    assert (attempt.attributes or {})["job.stopped"] == "canceled"


async def test_an_attempt_that_fails_is_an_error(
    s3_server: S3Server, nats_server: NatsServer, tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("models: {missing: {source: 'path:/no/such/folder'}}\n")
    models = {"models": f"models/catalogue.yaml:{own}"}
    async with image_mesh(s3_server, nats_server, tmp_path, api_settings=models, worker_settings=models) as mesh:
        await mesh.worker.start()
        ada = await mesh.owner()
        image = await ada.made((await ada.generate(**SMALL | {"model": "missing"})).id)
        assert image.state == job_pb2.FAILED

        def failed() -> list[ReadableSpan]:
            return [s for s in spans.get_finished_spans() if s.name == "job.attempt" and not s.status.is_unset]

        (span,) = await eventually(failed)
    assert span.status.description == image.error.reason
