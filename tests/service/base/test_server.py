"""What every service does alike, shown on a small one over a real channel."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from tests.support.tokens import TestSigner
from tests.support.wait import eventually

from atelier.events.v1 import events_pb2
from atelier.image.v1 import image_pb2, image_pb2_grpc
from atelier_service.access import access_of
from atelier_service.channel import open_channel
from atelier_service.errors import NotFoundError, PermissionDeniedError, ResourceExhaustedError
from atelier_service.http import request_header, set_http
from atelier_service.identity import Principal, current_principal
from atelier_service.rpc_errors import from_rpc_error
from atelier_service.server import run_server
from atelier_service.settings import ServiceSettings

_EXPORTER = InMemorySpanExporter()


@pytest.fixture(scope="module", autouse=True)
def _tracing() -> None:
    """A process has one tracer provider, set once: the one of the test session, which collects here too."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(_EXPORTER))


class _Images(image_pb2_grpc.ImageServiceServicer):
    """Does something wrong for every id."""

    def __init__(self) -> None:
        self.canceled = asyncio.Event()
        self.slow = 0
        self.downstream: image_pb2_grpc.ImageServiceStub | None = None

    async def GetImage(
        self, request: image_pb2.GetImageRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> image_pb2.Image:
        match request.id:
            case "missing":
                raise NotFoundError("IMAGE_NOT_FOUND", "no such image")
            case "full":
                raise ResourceExhaustedError("QUEUE_FULL", "the queue is full", retry_after_s=2.5)
            case "bug":
                raise RuntimeError("secret detail: /etc/passwd")
            case "slow":
                self.slow += 1
                try:
                    await asyncio.sleep(60)
                finally:
                    self.canceled.set()
            case "downstream":
                assert self.downstream is not None
                return await self.downstream.GetImage(image_pb2.GetImageRequest(id="missing"))
        await set_http(context, 202, content_range=request_header(context, "range") or "")
        return image_pb2.Image(id=request.id, trace_id=current_principal().subject)

    async def WatchImage(
        self, request: image_pb2.WatchImageRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[events_pb2.Event]:
        try:
            yield events_pb2.Event(job_id=request.id)
            if request.id == "broken":
                raise NotFoundError("IMAGE_NOT_FOUND", "gone half-way")
            await asyncio.sleep(60)
        finally:
            self.canceled.set()


class _Service:
    def __init__(self, port: int, images: _Images, signer: TestSigner) -> None:
        self.address = f"127.0.0.1:{port}"
        self.images = images
        self.signer = signer


@pytest.fixture
async def service() -> AsyncIterator[_Service]:
    signer = TestSigner()
    images = _Images()  # type: ignore[abstract]  # the methods that no test calls are UNIMPLEMENTED
    async with run_server(
        ServiceSettings(listen="127.0.0.1:0", shutdown_grace_s=0),
        register=lambda server: image_pb2_grpc.add_ImageServiceServicer_to_server(images, server),
        verifier=signer.verifier(),
    ) as running:
        yield _Service(running.port, images, signer)


@pytest.fixture
async def stub(service: _Service) -> AsyncIterator[image_pb2_grpc.ImageServiceStub]:
    async def token() -> str:
        return service.signer.token("ada")

    async with open_channel(service.address, token=token) as channel:
        service.images.downstream = image_pb2_grpc.ImageServiceStub(channel)
        yield image_pb2_grpc.ImageServiceStub(channel)


async def _failure(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def test_a_named_error_arrives_with_exactly_one_error_info(stub: image_pb2_grpc.ImageServiceStub) -> None:
    error = await _failure(stub.GetImage(image_pb2.GetImageRequest(id="missing")))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    status = rpc_status.from_call(error)
    infos = [d for d in status.details if d.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
    assert len(infos) == 1
    named = from_rpc_error(error)
    assert (named.reason, named.message) == ("IMAGE_NOT_FOUND", "no such image")


async def test_retry_after_travels_as_detail_and_as_header(stub: image_pb2_grpc.ImageServiceStub) -> None:
    error = await _failure(stub.GetImage(image_pb2.GetImageRequest(id="full")))
    assert from_rpc_error(error).retry_after_s == 2.5
    assert dict(error.trailing_metadata())["retry-after"] == "2"


async def test_an_unexpected_exception_is_an_error_without_internals(stub: image_pb2_grpc.ImageServiceStub) -> None:
    error = await _failure(stub.GetImage(image_pb2.GetImageRequest(id="bug")))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(error)


async def test_an_error_of_another_service_keeps_its_name(stub: image_pb2_grpc.ImageServiceStub) -> None:
    error = await _failure(stub.GetImage(image_pb2.GetImageRequest(id="downstream")))
    assert from_rpc_error(error).reason == "IMAGE_NOT_FOUND"


async def test_a_broken_field_rule_names_the_field_as_the_caller_wrote_it(
    stub: image_pb2_grpc.ImageServiceStub,
) -> None:
    parameters = image_pb2.GenerationParameters(prompt="x", width_px=100, steps=150_000, guidance_scale=float("nan"))
    parameters.metadata["k"] = "v" * 300
    error = await _failure(stub.GenerateImage(image_pb2.GenerateImageRequest(parameters=parameters)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    fields = [f.field for f in from_rpc_error(error).fields]
    assert fields == ["width_px", "steps", "guidance_scale", "metadata.k"]


# The longest stays below 8 KiB of metadata: above, gRPC itself refuses some calls and lets others pass, by lot.
@pytest.mark.parametrize("credential", [None, "Bearer x", "Bearer a.b.c", "Basic YTpi", "Bearer " + "x" * 7000])
async def test_without_a_good_token_nothing_is_served(service: _Service, credential: str | None) -> None:
    metadata = () if credential is None else (("authorization", credential),)
    async with grpc.aio.insecure_channel(service.address) as channel:
        stub = image_pb2_grpc.ImageServiceStub(channel)
        for call in (
            stub.GetImage(image_pb2.GetImageRequest(id="x"), metadata=metadata),
            stub.WatchImage(image_pb2.WatchImageRequest(id="x"), metadata=metadata).read(),
        ):
            assert (await _failure(call)).code() is grpc.StatusCode.UNAUTHENTICATED


async def test_forged_expired_and_misdirected_tokens_are_refused(service: _Service) -> None:
    forger = TestSigner()  # another key under the same id
    bad = [
        forger.token("ada"),
        service.signer.token("ada", lifetime_s=-60),
        service.signer.token("ada", aud=["elsewhere"]),
        service.signer.token("ada", iss="elsewhere"),
    ]
    async with grpc.aio.insecure_channel(service.address) as channel:
        stub = image_pb2_grpc.ImageServiceStub(channel)
        for token in bad:
            call = stub.GetImage(image_pb2.GetImageRequest(id="x"), metadata=(("authorization", f"Bearer {token}"),))
            assert (await _failure(call)).code() is grpc.StatusCode.UNAUTHENTICATED


async def test_http_status_and_headers_leave_as_initial_metadata(stub: image_pb2_grpc.ImageServiceStub) -> None:
    call = stub.GetImage(image_pb2.GetImageRequest(id="fine"), metadata=(("range", "bytes=0-1"),))
    metadata = dict(await call.initial_metadata())
    assert (metadata["x-http-code"], metadata["content-range"]) == ("202", "bytes=0-1")
    assert (await call).trace_id == "ada"


async def test_a_client_that_leaves_cancels_the_handler(
    service: _Service, stub: image_pb2_grpc.ImageServiceStub
) -> None:
    unary = stub.GetImage(image_pb2.GetImageRequest(id="slow"), timeout=0.2)
    assert (await _failure(unary)).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(service.images.canceled.wait(), 5)

    service.images.canceled.clear()
    stream = stub.WatchImage(image_pb2.WatchImageRequest(id="x"))
    assert (await stream.read()) == events_pb2.Event(job_id="x")
    stream.cancel()
    await asyncio.wait_for(service.images.canceled.wait(), 5)


async def test_an_error_after_the_first_message_of_a_stream_is_still_named(
    stub: image_pb2_grpc.ImageServiceStub,
) -> None:
    stream = stub.WatchImage(image_pb2.WatchImageRequest(id="broken"))
    assert (await stream.read()) == events_pb2.Event(job_id="broken")
    assert from_rpc_error(await _failure(stream.read())).message == "gone half-way"


async def test_client_and_server_spans_share_the_callers_trace(stub: image_pb2_grpc.ImageServiceStub) -> None:
    with trace.get_tracer("test").start_as_current_span("caller") as caller:
        await _failure(stub.GetImage(image_pb2.GetImageRequest(id="missing")))
    trace_id = caller.get_span_context().trace_id

    def both() -> list[ReadableSpan]:
        spans = [s for s in _EXPORTER.get_finished_spans() if s.context and s.context.trace_id == trace_id]
        return spans if len(spans) == 3 else []

    spans = {s.kind: s for s in await eventually(both)}
    client, server = spans[trace.SpanKind.CLIENT], spans[trace.SpanKind.SERVER]
    assert client.parent is not None
    assert client.parent.span_id == caller.get_span_context().span_id
    assert server.parent is not None
    assert client.context is not None
    assert server.parent.span_id == client.context.span_id
    assert (server.attributes or {})["rpc.grpc.status_code"] == 5


async def _spans_of(caller: trace.Span, count: int) -> dict[trace.SpanKind, ReadableSpan]:
    """The spans of a trace, but for its root, once there are so many; by kind."""
    trace_id, root = caller.get_span_context().trace_id, caller.get_span_context().span_id

    def all_of_them() -> list[ReadableSpan]:
        spans = [s for s in _EXPORTER.get_finished_spans() if s.context and s.context.trace_id == trace_id]
        return spans if len(spans) == count + 1 else []

    spans = await eventually(all_of_them)
    return {s.kind: s for s in spans if s.context and s.context.span_id != root}


async def test_a_client_span_has_peer_method_and_status(
    service: _Service, stub: image_pb2_grpc.ImageServiceStub
) -> None:
    with trace.get_tracer("test").start_as_current_span("caller") as caller:
        await _failure(stub.GetImage(image_pb2.GetImageRequest(id="missing")))
    client = (await _spans_of(caller, 2))[trace.SpanKind.CLIENT]
    host, _, port = service.address.rpartition(":")
    assert dict(client.attributes or {}) == {
        "rpc.system": "grpc", "rpc.service": "atelier.image.v1.ImageService", "rpc.method": "GetImage",
        "rpc.grpc.status_code": 5, "server.address": host, "server.port": int(port),
    }  # fmt: skip
    assert client.status.status_code is trace.StatusCode.ERROR


async def test_a_call_that_cannot_leave_has_a_span_that_ended_badly(service: _Service) -> None:
    async def token() -> str:
        raise RuntimeError("auth is away")

    async with open_channel(service.address, token=token) as channel:
        with trace.get_tracer("test").start_as_current_span("caller") as caller, pytest.raises(RuntimeError):
            await image_pb2_grpc.ImageServiceStub(channel).GetImage(image_pb2.GetImageRequest(id="x"))
        client = (await _spans_of(caller, 1))[trace.SpanKind.CLIENT]
    assert client.status.status_code is trace.StatusCode.ERROR


def _watches_ended_as(code: str) -> float:
    labels = {"method": "/atelier.image.v1.ImageService/WatchImage", "code": code}
    return REGISTRY.get_sample_value("atelier_rpc_calls_total", labels) or 0


async def test_a_stream_that_its_caller_left_is_cancelled_and_no_error(stub: image_pb2_grpc.ImageServiceStub) -> None:
    before = {code: _watches_ended_as(code) for code in ("CANCELLED", "OK", "UNKNOWN", "INTERNAL")}
    with trace.get_tracer("test").start_as_current_span("caller") as caller:
        stream = stub.WatchImage(image_pb2.WatchImageRequest(id="x"))
        await stream.read()
        assert not [s for s in _EXPORTER.get_finished_spans() if s.kind is trace.SpanKind.CLIENT and _in(s, caller)]
        stream.cancel()
    spans = await _spans_of(caller, 2)
    for kind in (trace.SpanKind.CLIENT, trace.SpanKind.SERVER):
        assert (spans[kind].attributes or {})["rpc.grpc.status_code"] == 1
        assert spans[kind].status.status_code is trace.StatusCode.UNSET
    await eventually(lambda: _watches_ended_as("CANCELLED") == before["CANCELLED"] + 1)
    assert all(_watches_ended_as(code) == before[code] for code in ("OK", "UNKNOWN", "INTERNAL"))


async def test_a_unary_call_that_its_caller_left_is_cancelled_and_no_error(
    service: _Service, stub: image_pb2_grpc.ImageServiceStub
) -> None:
    with trace.get_tracer("test").start_as_current_span("caller") as caller:
        call = stub.GetImage(image_pb2.GetImageRequest(id="slow"))
        asking = asyncio.ensure_future(call)
        await eventually(lambda: service.images.slow > 0, what="it is being served")
        asking.cancel()
        await asyncio.wait({asking})
    await asyncio.wait_for(service.images.canceled.wait(), 5)
    spans = await _spans_of(caller, 2)
    assert all(span.status.status_code is trace.StatusCode.UNSET for span in spans.values())


async def test_a_call_that_ends_with_the_service_is_cancelled_in_its_metrics() -> None:
    signer, before = TestSigner(), _watches_ended_as("OK")
    images = _Images()  # type: ignore[abstract]
    async with run_server(
        ServiceSettings(listen="127.0.0.1:0", shutdown_grace_s=0),
        register=lambda server: image_pb2_grpc.add_ImageServiceServicer_to_server(images, server),
        verifier=signer.verifier(),
    ) as running:
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{running.port}")
        stream = image_pb2_grpc.ImageServiceStub(channel).WatchImage(
            image_pb2.WatchImageRequest(id="x"), metadata=signer.metadata()
        )
        await stream.read()
    await asyncio.wait_for(images.canceled.wait(), 5)
    await channel.close()
    assert _watches_ended_as("OK") == before


def _in(span: ReadableSpan, other: trace.Span) -> bool:
    return bool(span.context and span.context.trace_id == other.get_span_context().trace_id)


async def test_health_needs_no_credentials(service: _Service) -> None:
    async with grpc.aio.insecure_channel(service.address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


SCOPED = [
    ("read", "GetImage", None),
    ("submit keys admin", "GetImage", "SCOPE_REQUIRED"),
    ("", "GetImage", "SCOPE_REQUIRED"),
    ("reading", "GetImage", "SCOPE_REQUIRED"),
    ("read keys admin", "DeleteImage", "SCOPE_REQUIRED"),
]


@pytest.mark.parametrize(("scope", "method", "reason"), SCOPED)
async def test_a_method_wants_the_scope_that_its_contract_names(
    service: _Service, scope: str, method: str, reason: str | None
) -> None:
    metadata = service.signer.metadata("ada", scope=scope)
    request = getattr(image_pb2, f"{method}Request")(id="1")
    async with grpc.aio.insecure_channel(service.address) as channel:
        call = getattr(image_pb2_grpc.ImageServiceStub(channel), method)(request, metadata=metadata)
        if reason is None:
            await call
            return
        error = await _failure(call)
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert from_rpc_error(error).reason == reason


async def test_a_services_own_token_opens_nothing_of_a_user(service: _Service) -> None:
    metadata = service.signer.metadata("service:atelier-image", roles=("service",))
    async with grpc.aio.insecure_channel(service.address) as channel:
        stub = image_pb2_grpc.ImageServiceStub(channel)
        error = await _failure(stub.GetImage(image_pb2.GetImageRequest(id="1"), metadata=metadata))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.WatchImage(image_pb2.WatchImageRequest(id="1"), metadata=metadata).read()
    assert from_rpc_error(error).reason == "SCOPE_REQUIRED"
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_a_method_without_an_access_rule_is_refused_to_all_callers() -> None:
    everything = Principal("root", frozenset({"user", "admin"}), scopes=frozenset({"read", "submit", "keys", "admin"}))
    for method in ("/atelier.image.v1.ImageService/NoSuch", "/grpc.reflection.v1.ServerReflection/Info", "", "/", "x"):
        access = access_of(method)
        assert not access.is_public
        with pytest.raises(PermissionDeniedError):
            access.check(everything)
