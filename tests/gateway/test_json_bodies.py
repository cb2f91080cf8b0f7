"""What the contract allows passes the gateway as it was sent; what it does not know is 400 and named."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atelier.type.v1 import access_pb2
from tests.gateway import shapes
from tests.gateway.json_strategies import Place, Raw, Twice, bodies, is_map, places, values, written
from tests.gateway.mesh import Gateway
from tests.gateway.routes import METHODS
from tests.gateway.shapes import POOL, SHAPES, Recorder, request_class, run_shapes

pytestmark = pytest.mark.asyncio(loop_scope="session")

Running = tuple[Gateway, Recorder, dict[str, str]]


@dataclass(frozen=True)
class Target:
    """A route whose body is a message of many fields."""

    verb: str
    path: str
    rpc: str
    message: Descriptor
    field: str
    """Of the request, which the body fills; empty for all of it."""


def _targets() -> list[Target]:
    found = [Target("POST", shapes.PATH, shapes.METHOD, SHAPES, "")]
    for method in METHODS:
        request = POOL.FindMethodByName(f"{method.service}.{method.name}").input_type
        for binding in method.bindings:
            if binding.body in ("", "*") or method.takes_bytes:
                continue
            path, message = binding.template.replace("{id}", "1"), request.fields_by_name[binding.body].message_type
            assert message is not None
            found.append(Target(binding.verb, path, method.path, message, binding.body))
    return found


TARGETS = _targets()
every_target = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.path)
many = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with run_shapes(tmp_path_factory.mktemp("shapes")) as running:
        yield running


async def _send(running: Running, target: Target, body: str | bytes) -> Any:
    gateway, recorder, headers = running
    recorder.request = None
    content = body.encode() if isinstance(body, str) else body
    return await gateway.rest.request(target.verb, target.path, headers=headers, content=content)


async def _is_refused(running: Running, target: Target, body: str | bytes, field: str) -> str:
    """Fails unless the answer is 400 and names `field` (nothing, when that is empty); the message."""
    answer = await _send(running, target, body)
    assert answer.status_code == 400, (answer.text, body)
    assert running[1].request is None
    status = answer.json()
    infos = [detail for detail in status["details"] if detail["@type"].endswith("ErrorInfo")]
    assert [(info["reason"], info["domain"]) for info in infos] == [("INVALID_REQUEST", "atelier")]
    violations = [v["field"] for d in status["details"] if "field_violations" in d for v in d["field_violations"]]
    assert violations == ([field] if field else []), (status, body)
    assert len(answer.content) < 1500
    assert len(answer.headers["x-trace-id"]) == 32
    message: str = status["message"]
    return message


@every_target
@many
@given(data=st.data())
async def test_what_the_contract_allows_arrives_as_it_was_sent(
    running: Running, target: Target, data: st.DataObject
) -> None:
    body = data.draw(bodies(target.message))
    space = data.draw(st.sampled_from(["", " ", "\n\t ", "\r\n"]))
    answer = await _send(running, target, written(body, space, ascii_only=data.draw(st.booleans())))

    assert answer.is_success, answer.text
    recorder = running[1]
    assert recorder.method == target.rpc
    request = request_class(POOL.FindMethodByName(target.rpc[1:].replace("/", ".")).input_type)
    seen, expected = request.FromString(recorder.request or b""), request_class(target.message)()
    json_format.ParseDict(body, expected, descriptor_pool=POOL)
    assert _bytes(getattr(seen, target.field) if target.field else seen) == _bytes(expected)


def _bytes(message: Any) -> bytes:
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def _wrong_for(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """Values whose shape no field of this sort has."""
    scalar: dict[int, list[Any]] = {
        FieldDescriptor.TYPE_STRING: [1, True],
        FieldDescriptor.TYPE_BYTES: [1, True, "not base 64!"],
        FieldDescriptor.TYPE_BOOL: [1, "yes", "true"],
        FieldDescriptor.TYPE_ENUM: ["NOPE", "ddim", True, 1.5, "", 2**31],
        FieldDescriptor.TYPE_DOUBLE: ["high", True, "", Raw("1e400"), "1e400"],
        FieldDescriptor.TYPE_FLOAT: ["high", True, "", 1e39, "nan"],
    }
    if is_map(field):
        return st.sampled_from([5, "x", True, [], [{}]])
    if field.is_repeated:
        return st.sampled_from([5, "x", True, {}, {"0": 1}])
    if field.message_type is not None:
        wrong: dict[str, list[Any]] = {
            "ListValue": [5, {}],
            "Struct": [5, []],
            "Timestamp": [5, "today", {}],
            "Duration": [5, "1", {}],
        }
        return st.sampled_from(wrong.get(field.message_type.name, [5, "x", []]))
    return st.sampled_from([*scalar.get(field.type, ["x", 1.5, True, "", "1.5", 2**64, Raw("1e99")]), {}, [], [1]])


@st.composite
def _broken_at(draw: st.DrawFn, message: Descriptor) -> tuple[dict[str, Any], Place]:
    body = draw(bodies(message))
    return body, draw(st.sampled_from(list(places(body, message))))


def _at(place: Place, name: str) -> str:
    return f"{place.path}.{name}" if place.path else name


@every_target
@many
@given(data=st.data())
async def test_an_unknown_field_is_named_at_every_depth(running: Running, target: Target, data: st.DataObject) -> None:
    body, place = data.draw(_broken_at(target.message))
    name = data.draw(st.from_regex(r"[a-z_]{1,12}", fullmatch=True).map(lambda name: f"{name}9"))
    place.content[name] = data.draw(st.sampled_from([1, None, {"a": [1]}, "x"]))
    assert "unknown field" in await _is_refused(running, target, written(body), _at(place, name))


@every_target
@many
@given(data=st.data())
async def test_a_wrong_shape_is_named_at_every_depth(running: Running, target: Target, data: st.DataObject) -> None:
    body, place = data.draw(_broken_at(target.message))
    fields = [field for field in place.message.fields if not _takes_any(field)]
    field = data.draw(st.sampled_from(fields))
    place.content.pop(field.json_name, None)
    place.content.pop(field.name, None)
    for other in field.containing_oneof.fields if field.containing_oneof else ():
        place.content.pop(other.name, None)
        place.content.pop(other.json_name, None)
    place.content[field.name] = data.draw(_wrong_for(field))
    await _is_refused(running, target, written(body), _at(place, field.name))


def _takes_any(field: FieldDescriptor) -> bool:
    if field.message_type is not None:
        return field.message_type.name in _ANY
    return bool(field.GetOptions().Extensions[access_pb2.raw_json])


_ANY = {"Value", "FieldMask", "BoolValue", "StringValue", "BytesValue", "DoubleValue", "FloatValue", "Int32Value",
        "UInt32Value", "Int64Value", "UInt64Value"}  # fmt: skip


@every_target
@many
@given(data=st.data())
async def test_a_field_that_is_there_twice_is_named(running: Running, target: Target, data: st.DataObject) -> None:
    body, place = data.draw(_broken_at(target.message))
    field = data.draw(st.sampled_from([field for field in place.message.fields if not field.containing_oneof]))
    if data.draw(st.booleans()) and field.json_name != field.name:  # by its other name
        place.content.pop(field.json_name, None)
        place.content.pop(field.name, None)
        place.content[field.name] = place.content[field.json_name] = data.draw(values(field, 0))
        await _is_refused(running, target, written(body), _at(place, field.json_name))
    else:
        place.content.pop(field.json_name, None)
        place.content[field.name] = Twice(data.draw(values(field, 0)))
        assert "twice" in await _is_refused(running, target, written(body), _at(place, field.name))


@every_target
@many
@given(data=st.data())
async def test_text_that_is_no_json_is_refused(running: Running, target: Target, data: st.DataObject) -> None:
    body = data.draw(bodies(target.message))
    text = written(body).encode()
    kind = data.draw(st.sampled_from(["trailing comma", "cut", "bytes", "more", "nan", "quotes", "bom", "control"]))
    if kind == "trailing comma":
        broken = text[:-1] + b",}"
    elif kind == "cut":
        broken = text[: data.draw(st.integers(1, len(text) - 1))]
    elif kind == "bytes":
        name = data.draw(
            st.sampled_from([b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80", b"\x80"])
        )
        broken = b'{"' + name + b'": 1}'
    elif kind == "more":
        broken = text + data.draw(st.sampled_from([b"{}", b",", b"]", b"x", b"\x00"]))
    elif kind == "bom":
        broken = b"\xef\xbb\xbf" + text
    else:
        piece = {"nan": b"NaN,", "quotes": b"'a':1,", "control": b"\x00"}[kind]
        broken = text[:1] + piece + text[1:]
    await _is_refused(running, target, broken, "")
