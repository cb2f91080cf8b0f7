"""A string that is not UTF-8 is named as callers write it, whatever else the bytes hold."""

from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from atelier.events.v1 import events_pb2
from atelier.image.v1 import image_pb2
from atelier_service.wire import find_invalid_text

_MARK = b"??"
_BAD = b"\xff\xfe"


def _found(message: image_pb2.GenerateImageRequest | image_pb2.Image | events_pb2.SubscribeRequest) -> str | None:
    """The field that is named when the mark in `message` is not UTF-8, and likewise when it is a NUL."""
    data = message.SerializeToString()
    assert data.count(_MARK) == 1
    found = find_invalid_text(message.DESCRIPTOR, data.replace(_MARK, _BAD))
    assert found is not None
    field, problem = found
    assert problem == "is not valid UTF-8"
    with_nul = find_invalid_text(message.DESCRIPTOR, data.replace(_MARK, b"?\0"))
    assert with_nul == (field, "must not hold a NUL character")
    return field


def _submit(**fields: object) -> image_pb2.GenerateImageRequest:
    return image_pb2.GenerateImageRequest(parameters=image_pb2.GenerationParameters(**fields))  # type: ignore[arg-type]


def test_fields_of_a_submit_go_by_their_own_names() -> None:
    assert _found(_submit(prompt="??")) == "prompt"
    assert _found(_submit(prompt="fine", width_px=64, guidance_scale=2, model="a??")) == "model"
    assert _found(image_pb2.GenerateImageRequest(request_id="??")) == "request_id"


def test_values_of_maps_go_by_their_keys_and_keys_by_the_map() -> None:
    assert _found(_submit(metadata={"colour": "??"})) == "metadata.colour"
    assert _found(_submit(metadata={'a "b"': "??"})) == 'metadata["a \\"b\\""]'
    assert _found(_submit(metadata={"??": "red"})) == "metadata"


def test_items_of_lists_go_by_their_place() -> None:
    assert _found(events_pb2.SubscribeRequest(types=["a", "??"])) == "types[1]"
    outputs = [image_pb2.ImageOutput(), image_pb2.ImageOutput(sha256="??")]
    assert _found(image_pb2.Image(outputs=outputs)) == "outputs[1].sha256"


def test_valid_utf_8_is_not_reported() -> None:
    data = _submit(prompt="schön", metadata={"ä": "ö"}).SerializeToString()
    assert find_invalid_text(image_pb2.GenerateImageRequest.DESCRIPTOR, data) is None


@given(st.binary(max_size=300))
def test_any_bytes_can_be_looked_at(data: bytes) -> None:
    find_invalid_text(image_pb2.Image.DESCRIPTOR, data)
    find_invalid_text(image_pb2.GenerateImageRequest.DESCRIPTOR, data)


def test_deep_nesting_and_many_fields_end_the_search() -> None:
    deep = b"\x1a\x02" + _BAD  # Value.string_value
    for _ in range(150):
        items = b"\x0a" + _varint(len(deep)) + deep
        deep = b"\x32" + _varint(len(items)) + items  # Value.list_value
    assert find_invalid_text(struct_pb2.Value.DESCRIPTOR, deep) is None
    many = b"\x12\x00" * 100_000
    assert find_invalid_text(image_pb2.GenerateImageRequest.DESCRIPTOR, many + b"\x12\x02" + _BAD) is None


def _varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])
