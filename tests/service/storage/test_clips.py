"""Clips and parts of clips, as the video worker stores them."""

import io
from fractions import Fraction
from pathlib import Path

import grpc.aio
import numpy as np
import pytest

from atelier_media.clip_format import CONTAINERS, CONTENT_TYPES, ClipFormat, Container
from atelier_media.clip_reader import ClipReader
from atelier_media.clip_writer import ClipWriter
from atelier_media.frame_part import PART_CONTENT_TYPE, FrameParts, decode_frame
from tests.service.storage.conftest import Storage, refusal
from tests.unit.media.moving_picture import moving_frame, read_index
from tests.unit.storage import pictures


def clip(path: Path, container: Container, count: int, width_px: int, height_px: int) -> bytes:
    with ClipWriter(path, ClipFormat(container, width_px, height_px, Fraction(24))) as writer:
        for index in range(count):
            writer.write(moving_frame(index, width_px, height_px))
    return path.read_bytes()


@pytest.mark.parametrize(("count", "width_px", "height_px"), [(1, 64, 64), (16, 1024, 768), (300, 128, 96)])
@pytest.mark.parametrize("container", CONTAINERS)
async def test_a_clip_is_stored_with_its_type_and_any_range_of_it_is_returned(
    storage: Storage, tmp_path: Path, container: Container, count: int, width_px: int, height_px: int
) -> None:
    data = clip(tmp_path / "clip", container, count, width_px, height_px)
    asset = await storage.worker().store(data, "clip")
    assert (asset.content_type, asset.width_px, asset.height_px) == (CONTENT_TYPES[container], width_px, height_px)

    middle = len(data) // 2
    content = await storage.caller().content(asset.id, range=f"bytes={middle}-{middle + 99}")
    assert content.data == data[middle : middle + 100]
    assert content.content_type == CONTENT_TYPES[container]
    assert content.headers["content-range"] == f"bytes {middle}-{min(middle + 99, len(data) - 1)}/{len(data)}"

    with ClipReader(io.BytesIO((await storage.caller().content(asset.id)).data)) as reader:
        assert reader.info.frame_count == count
        assert read_index(reader.frame(count - 1)) == (count - 1) % 256


@pytest.mark.parametrize(("width_px", "height_px"), [(64, 64), (97, 33), (1024, 768)])
async def test_a_part_of_a_clip_is_taken_and_gives_its_frames_back(
    storage: Storage, width_px: int, height_px: int
) -> None:
    parts = FrameParts(width_px, height_px)
    frame = moving_frame(5, width_px, height_px)
    (part,) = parts.add(np.stack([frame] * 16))
    asset = await storage.worker().store(part.data, "frames/0")
    assert (asset.content_type, asset.width_px, asset.height_px) == (PART_CONTENT_TYPE, width_px, height_px)
    stored = (await storage.caller().content(asset.id)).data
    assert np.array_equal(decode_frame(stored, 15), frame)


async def test_an_animation_of_a_job_counts_one_frame_and_that_of_a_stranger_all(storage: Storage) -> None:
    # 15 frames of 4000×4000 px.
    data = pictures.bomb_gif()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await storage.caller().upload(data)
    assert refusal(caught.value).reason == "TOO_MANY_PIXELS"
    asset = await storage.worker().store(data)
    assert (asset.width_px, asset.height_px) == (4000, 4000)


async def test_a_picture_of_too_many_pixels_is_refused_to_a_job_too(storage: Storage) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await storage.worker().store(pictures.bomb_png())
    assert refusal(caught.value).reason == "TOO_MANY_PIXELS"
