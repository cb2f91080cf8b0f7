"""JSON of messages with a detail: by its fields' names when it is known, left out when it is not."""

import json

import pytest
from google.protobuf.json_format import ParseError

from atelier.events.v1 import events_pb2
from atelier.image.v1 import image_pb2
from atelier_client import message_json

UNKNOWN = "type.googleapis.com/atelier.music.v1.MusicProgress"


def _event() -> events_pb2.Event:
    event = events_pb2.Event(type="generation.progress", job_id="a", seq=2)
    event.generation_progress.progress.stage = "denoising"
    event.generation_progress.progress.detail.Pack(image_pb2.ImageProgress(step=3, steps=12))
    return event


def test_a_known_detail_is_printed_and_read() -> None:
    printed = message_json.fields(_event())
    assert printed["generation_progress"]["progress"]["detail"]["step"] == 3
    assert message_json.parse(json.dumps(printed), events_pb2.Event) == _event()


def test_an_unknown_detail_is_left_out_and_everything_else_is_read() -> None:
    printed = message_json.fields(_event())
    printed["generation_progress"]["progress"]["detail"] = {"@type": UNKNOWN, "bar": 4}
    read = message_json.parse(json.dumps(printed), events_pb2.Event)
    assert (read.seq, read.generation_progress.progress.stage) == (2, "denoising")
    assert not read.generation_progress.progress.HasField("detail")


def test_an_unknown_detail_that_came_over_grpc_is_left_out_of_json() -> None:
    event = _event()
    event.generation_progress.progress.detail.type_url = UNKNOWN
    printed = message_json.fields(event)
    assert printed["seq"] == 2
    assert "detail" not in printed["generation_progress"]["progress"]


@pytest.mark.parametrize("text", ["{", '{"seq": "many"}'])
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        message_json.parse(text, events_pb2.Event)
