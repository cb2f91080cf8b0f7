"""Video and animation nodes: what they write, and read again."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.unit.nodes.pictures import gradient

from atelier_media.clip_reader import ClipReader
from atelier_media.errors import MediaError
from atelier_nodes.builtin.animations import SaveAnimatedPNG, SaveAnimatedWEBP
from atelier_nodes.builtin.video_values import VideoFromFile
from atelier_nodes.builtin.videos import CreateVideo, GetVideoComponents, LoadVideo, SaveVideo
from atelier_nodes.packs.folders import NodeFolders

PROMPT = {"1": {"class_type": "CreateVideo", "inputs": {}}}


def file_of(result: dict[str, Any], folders: NodeFolders) -> Path:
    (e,) = result["ui"]["images"]
    return folders.of(e["type"]) / str(e["subfolder"]) / str(e["filename"])


def test_a_video_of_pictures_is_saved_with_its_graph(folders: NodeFolders) -> None:
    (video,) = CreateVideo().create(gradient(32, 16, 5), 8.0)
    result = SaveVideo().save_video(video, "video/ComfyUI", "auto", "auto", PROMPT, {"workflow": {"a": 1}})
    assert result["ui"] == {
        "images": [{"filename": "ComfyUI_00001_.mp4", "subfolder": "video", "type": "output"}],
        "animated": (True,),
    }
    with ClipReader(file_of(result, folders)) as reader:
        assert (reader.info.frame_count, reader.info.frame_rate_hz) == (5, Fraction(8))
        assert reader.info.parameters == {"prompt": PROMPT, "workflow": {"a": 1}}
    assert not list(folders.temp.iterdir())


def test_a_video_is_loaded_and_taken_apart(folders: NodeFolders) -> None:
    pictures = gradient(32, 16, 3)
    CreateVideo().create(pictures, 24.0)[0].save_to(folders.input / "a.mp4")
    assert LoadVideo.INPUT_TYPES()["required"]["file"][0] == ["a.mp4"]
    assert LoadVideo.VALIDATE_INPUTS("a.mp4") is True
    (video,) = LoadVideo().load_video("a.mp4")
    images, audio, fps = GetVideoComponents().components(video)
    assert (images.shape, audio, fps) == (pictures.shape, None, 24.0)
    assert torch.allclose(images, pictures, atol=0.15)
    assert (video.get_dimensions(), video.get_frame_count(), video.get_frame_rate()) == ((32, 16), 3, Fraction(24))
    assert video.get_duration() == pytest.approx(3 / 24)


def test_a_clip_of_the_mesh_is_saved_as_it_is(folders: NodeFolders) -> None:
    CreateVideo().create(gradient(32, 16, 2), 24.0)[0].save_to(folders.temp / "a.mp4")
    content = (folders.temp / "a.mp4").read_bytes()
    result = SaveVideo().save_video(VideoFromFile(content), "clip", "mp4", "h264", PROMPT)
    assert file_of(result, folders).read_bytes() == content


@pytest.mark.parametrize("name", ["missing.mp4", "../a.mp4"])
def test_a_missing_video_is_refused_with_its_name(folders: NodeFolders, name: str) -> None:
    assert LoadVideo.VALIDATE_INPUTS(name) == f"Invalid video file: {name}"


def test_what_cannot_be_written_is_an_error(folders: NodeFolders) -> None:
    with pytest.raises(MediaError, match="multiples of 2"):
        SaveVideo().save_video(CreateVideo().create(gradient(5, 5), 8.0)[0], "odd", "auto", "auto")
    with pytest.raises(ValueError, match="no sound"):
        CreateVideo().create(gradient(), 8.0, {"waveform": None})
    with pytest.raises(ValueError, match="not as mkv"):
        CreateVideo().create(gradient(), 8.0)[0].save_to(folders.output / "a", "mkv")
    assert not list(folders.output.iterdir())


def test_an_animated_webp_holds_its_frames_and_its_graph(folders: NodeFolders) -> None:
    result = SaveAnimatedWEBP().save_images(
        gradient(count=3), 4.0, "moving", True, 80, "fastest", PROMPT, {"workflow": {}}
    )
    assert result["ui"]["animated"] == (True,)
    assert result["ui"]["images"][0]["filename"] == "moving_00001_.webp"
    with Image.open(file_of(result, folders)) as picture:
        assert getattr(picture, "n_frames", 1) == 3
        exif = picture.getexif()
        assert json.loads(exif[0x0110].removeprefix("prompt:")) == PROMPT
        assert exif[0x010F] == "workflow:{}"
        picture.load()
        assert picture.info["duration"] == 250


def test_one_frame_is_no_animation(folders: NodeFolders) -> None:
    result = SaveAnimatedWEBP().save_images(gradient(), 4.0, "still", False, 80, "default")
    assert result["ui"]["animated"] == (False,)


def test_an_animated_png_holds_its_frames_and_its_graph(folders: NodeFolders) -> None:
    result = SaveAnimatedPNG().save_images(gradient(count=3), 10.0, 4, "moving", PROMPT)
    with Image.open(file_of(result, folders)) as picture:
        assert getattr(picture, "n_frames", 1) == 3
        assert json.loads(picture.info["prompt"]) == PROMPT
