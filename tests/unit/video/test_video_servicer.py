"""What the servicer makes of a request, without a wire."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from atelier.video.v1 import video_pb2
from atelier_artifacts.domain.stored_files import Producer
from atelier_drawing.domain.result import Result
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.states import State
from atelier_media.frame_part import encode_frame_part
from atelier_service.errors import InvalidArgumentError, ResourceExhaustedError
from atelier_service.identity import Principal, set_principal
from atelier_service.paging import encode_token
from atelier_video.api.servicer import VideoServicer
from atelier_video.domain.parameters import AskedVideo, resolve
from atelier_video.domain.video import VideoFile
from tests.unit.image.test_image_messages import QUEUED
from tests.unit.models.cards import DEMO

PART = encode_frame_part(np.zeros((3, 8, 8, 3), np.uint8))
FRAMES = VideoFile(
    asset_id="p", content_type="image/webp", width_px=8, height_px=8, size_bytes=len(PART), sha256="00", role="FRAMES",
    frame_count=3,
)  # fmt: skip
MADE: Job = replace(
    QUEUED, kind="video", state=State.SUCCEEDED, spec=resolve(AskedVideo(prompt="x"), DEMO, lambda: 7).to_bytes(),
    result=Result(model_revision="r", source=Producer("0197", 1), outputs=(FRAMES,)).to_bytes(),
)  # fmt: skip


class World:
    """One finished video and its one file of frames."""

    async def get(self, job_id: str) -> Job:
        return MADE

    async def result_so_far(self, job: Job) -> bytes | None:
        return job.result

    async def read(self, asset_id: str) -> bytes:
        return PART


class Call:
    """What came with a call, and what was sent before its first message."""

    def __init__(self, **headers: str) -> None:
        self._headers = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        self.sent: dict[str, str] = {}

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self._headers

    async def send_initial_metadata(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self.sent = dict(pairs)


@pytest.fixture
def servicer() -> VideoServicer:
    set_principal(Principal("ada"))
    world: Any = World()
    return VideoServicer(world, world, world, world, world, world)


async def _frame(servicer: VideoServicer, call: Call) -> bytes:
    request = video_pb2.GetVideoFrameRequest(id="0197", index=1)
    return b"".join([body.data async for body in servicer.GetVideoFrame(request, cast(Any, call))])


@pytest.mark.parametrize("value", ["abc", "", -3])
async def test_a_page_token_of_the_callers_own_making_is_refused(servicer: VideoServicer, value: str | int) -> None:
    request = video_pb2.ListVideoFramesRequest(id="0197", page_token=encode_token(value))
    with pytest.raises(InvalidArgumentError, match="page_token"):
        await servicer.ListVideoFrames(request, cast(Any, Call()))


@pytest.mark.parametrize("names", [str, "W/{}".format, 'W/"x", {}'.format, lambda _: "*"])
async def test_a_frame_that_the_caller_has_is_not_sent_again(
    servicer: VideoServicer, names: Callable[[str], str]
) -> None:
    first = Call()
    assert await _frame(servicer, first)
    again = Call(if_none_match=names(first.sent["etag"]))
    assert await _frame(servicer, again) == b""
    assert again.sent["x-http-code"] == "304"


async def test_a_frame_that_the_caller_has_not_is_sent(servicer: VideoServicer) -> None:
    assert await _frame(servicer, Call(if_none_match='"x", W/"y"'))


async def test_a_caller_that_reads_no_frames_stops_only_its_own_call(servicer: VideoServicer) -> None:
    request = video_pb2.GetVideoFrameRequest(id="0197", index=1)
    async with AsyncExitStack() as stack:
        for _ in range(64):
            answer = cast(Any, servicer.GetVideoFrame(request, cast(Any, Call())))
            assert (await anext(answer)).data
            stack.push_async_callback(answer.aclose)
        with pytest.raises(ResourceExhaustedError) as caught:
            await _frame(servicer, Call())
        assert caught.value.reason == "TOO_MANY_DOWNLOADS"
        set_principal(Principal("eve"))
        assert await _frame(servicer, Call())
    set_principal(Principal("ada"))
    assert await _frame(servicer, Call())
