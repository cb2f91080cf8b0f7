"""The story of an image, as it happens and afterwards."""

import asyncio
import io

from PIL import Image as Pillow

from atelier.jobs.v1 import job_pb2
from tests.service.image.image_mesh import LONG, SMALL, ImageMesh


async def test_a_watch_yields_all_events_of_the_job(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    image = await ada.generate(**LONG | {"count": 1, "steps": 100})
    snapshot, *events = await ada.watch(image.id)
    assert snapshot.type == "generation.snapshot"
    told = [event.generation_progress for event in events]
    assert [progress.terminal for progress in told] == [False] * (len(told) - 1) + [True]
    states = [progress.state for progress in told]
    assert states == sorted(states)
    assert states[-1] == job_pb2.SUCCEEDED
    steps = [progress.progress.done for progress in told if progress.state != job_pb2.QUEUED]
    assert steps == sorted(steps)
    assert steps[-1] == 100
    assert list(told[-1].content_urls) == [f"/api/v1/images/{image.id}/content?index=0"]
    assert {event.trace_id for event in (snapshot, *events)} == {image.trace_id}
    previews = [progress.preview for progress in told if progress.preview]
    assert previews
    with Pillow.open(io.BytesIO(previews[0])) as preview:
        assert preview.format == "JPEG"
        assert max(preview.size) <= 128


async def test_who_comes_back_misses_nothing(mesh: ImageMesh) -> None:
    ada = await mesh.owner()
    image = await ada.made((await ada.generate(**SMALL)).id)
    assert [event.seq for event in await ada.watch(image.id, after_seq=0)] == [1, 2, 3]
    assert [event.seq for event in await ada.watch(image.id, after_seq=1)] == [2, 3]
    assert image.seq == 3


async def test_headers_come_before_anything_happens(idle_mesh: ImageMesh) -> None:
    ada = await idle_mesh.owner()
    image = await ada.generate(**SMALL)
    call = ada.call("Watch", id=image.id, after_seq=image.seq)
    await asyncio.wait_for(call.initial_metadata(), 5)
    await ada.cancel(image.id)
    assert [event.generation_progress.terminal async for event in call] == [True]
