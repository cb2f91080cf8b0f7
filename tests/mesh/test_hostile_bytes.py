"""Whatever bytes a gRPC caller sends to whatever method: a clean answer, or a clean refusal."""

import base64
import re
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atelier_gateway.contract import Method
from tests.gateway.routes import METHODS
from tests.mesh.running_mesh import RunningMesh

Metadata = tuple[tuple[str, str], ...]

# What a caller may be told of; UNKNOWN is what the runtime says of an exception.
CLEAN = {
    grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNAVAILABLE,
}  # fmt: skip
_OF_PYTHON = re.compile(r"Error\b|Exception|Traceback|\.py|object at 0x|google\.protobuf")

NASTY = [
    b"\xff", b"\x0a", b"\x0a\x02\xff\xfe", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x0b" * 300,
    b"\x00", b"\x08\x80", b"\x12\x05\x0a\x03\xc3\x28\x41", b"\x0a\x04\x0a\x02\xff\xfe", b"\xfa\xff\xff\xff\x0f\x01a",
]  # fmt: skip


@pytest.fixture(scope="module")
def channel(mesh: RunningMesh) -> Iterator[Any]:
    """Takes bytes, which the types of gRPC know only as what messages become."""
    with grpc.insecure_channel(mesh.grpc_address) as channel:
        yield channel


@pytest.fixture(scope="module")
def caller(mesh: RunningMesh) -> Metadata:
    """Metadata of a user who is nobody's administrator."""
    return (("x-api-key", mesh.key_of("fuzzer")),)


def send(channel: Any, caller: Metadata, method: Method, data: bytes) -> None:
    """Sends `data` as the message; raises AssertionError for an answer that is not clean."""
    try:
        if method.streams_in:
            channel.stream_unary(method.path)(iter([data]), metadata=caller, timeout=60)
        elif method.streams_out:
            answers = channel.unary_stream(method.path)(data, metadata=caller, timeout=60)
            next(answers, None)
            answers.cancel()
        else:
            channel.unary_unary(method.path)(data, metadata=caller, timeout=60)
    except grpc.RpcError as error:
        check(error)


def check(error: Any) -> None:
    """Exactly one ErrorInfo, a trace id, and no word of the program behind it."""
    assert error.code() in CLEAN, error
    assert not _OF_PYTHON.search(str(error.details())), error
    status = rpc_status.from_call(error)
    assert status is not None, error
    assert len([d for d in status.details if d.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]) == 1
    headers = {**dict(error.initial_metadata() or ()), **dict(error.trailing_metadata() or ())}
    assert re.fullmatch("[0-9a-f]{32}", str(headers.get("x-trace-id"))), headers


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.path)
def test_nasty_bytes_are_refused_cleanly_by_every_method(channel: Any, caller: Metadata, method: Method) -> None:
    for data in NASTY:
        send(channel, caller, method, data)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(METHODS), data=st.binary(max_size=400))
def test_random_bytes_are_refused_cleanly(channel: Any, caller: Metadata, method: Method, data: bytes) -> None:
    send(channel, caller, method, data)


@pytest.mark.parametrize("length", [5 << 20, 9 << 20])
def test_a_message_that_is_too_large_is_refused_cleanly(mesh: RunningMesh, caller: Metadata, length: int) -> None:
    with grpc.insecure_channel(mesh.grpc_address, options=[("grpc.max_send_message_length", -1)]) as channel:
        for method in METHODS:
            send(channel, caller, method, b"\x0a" + bytes(length))


@pytest.mark.parametrize(
    ("frame", "encoding"),
    [
        pytest.param(b"\x01\x00\x00\x00\x02ab", "identity", id="compressed and not said so"),
        pytest.param(b"\x01\x00\x00\x00\x02ab", "gzip", id="not what gzip makes"),
        pytest.param(b"\x00\xff\xff\xff\xffab", "identity", id="a length of 4 GiB"),
    ],
)
def test_a_frame_that_the_runtime_refuses_is_refused_cleanly(mesh: RunningMesh, frame: bytes, encoding: str) -> None:
    with mesh.client() as client:
        for method in METHODS:
            headers = {"content-type": "application/grpc", "te": "trailers", "grpc-encoding": encoding}
            answer = client.post(method.path, headers=headers, content=frame)
            assert answer.headers["grpc-status"] in ("3", "8"), (method.path, answer.headers)
            details = base64.b64decode(answer.headers["grpc-status-details-bin"] + "==")
            status = status_pb2.Status.FromString(details)
            assert (str(status.code), status.message) == (answer.headers["grpc-status"], answer.headers["grpc-message"])
            info = error_details_pb2.ErrorInfo()
            assert status.details[0].Unpack(info)
            assert (info.reason in ("INVALID_REQUEST", "MESSAGE_TOO_LARGE"), info.domain) == (True, "atelier")


def test_no_service_logged_an_exception(mesh: RunningMesh) -> None:
    logs = sorted((mesh.state_dir / "logs").glob("*.log"))
    assert len(logs) >= 5
    for log in logs:
        assert "Traceback" not in log.read_text(errors="replace"), log.name
