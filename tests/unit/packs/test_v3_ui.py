"""What V3 nodes show: previews and saved files, with the graph in them."""

import json
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import av
import pytest
import torch
from PIL import Image

from atelier_media.errors import SoundWriteError
from atelier_nodes.packs.folders import node_folders
from comfy_api.latest import Input, InputImpl, Types, io, ui

NODE = SimpleNamespace(hidden=SimpleNamespace(prompt={"1": {}}, extra_pnginfo={"workflow": {"id": 7}}))
GREY = torch.full((2, 6, 8, 3), 0.5)


def file_of(result: dict[str, str]) -> Path:
    folders = node_folders()
    return {"output": folders.output, "temp": folders.temp}[result["type"]] / result["subfolder"] / result["filename"]


def test_saved_pictures_carry_the_graph_and_are_numbered() -> None:
    shown = ui.ImageSaveHelper.get_save_images_ui(GREY, "sub/cat", cls=NODE).as_dict()
    assert [result["filename"] for result in shown["images"]] == ["cat_00001_.png", "cat_00002_.png"]
    with Image.open(file_of(shown["images"][0])) as picture:
        assert (picture.size, picture.getpixel((0, 0))) == ((8, 6), (127, 127, 127))
        assert json.loads(picture.info["workflow"]) == {"id": 7}
        assert json.loads(picture.info["prompt"]) == {"1": {}}


@pytest.mark.parametrize("extension", ["png", "webp"])
def test_animations_are_one_file_with_all_frames(extension: str) -> None:
    frames = torch.stack([torch.zeros(6, 8, 3), torch.ones(6, 8, 3)])
    if extension == "png":
        shown = ui.ImageSaveHelper.get_save_animated_png_ui(frames, "run", NODE, 8.0, 4).as_dict()
    else:
        shown = ui.ImageSaveHelper.get_save_animated_webp_ui(frames, "run", NODE, 8.0, True, 80, "default").as_dict()
    assert shown["animated"] == [True]
    with Image.open(file_of(shown["images"][0])) as picture:
        assert getattr(picture, "n_frames", 1) == 2


def test_previews_of_pictures_and_masks_are_temporary_files() -> None:
    picture = ui.PreviewImage(GREY, cls=NODE).as_dict()
    mask = ui.PreviewMask(torch.ones(1, 6, 8)).as_dict()
    assert [each["type"] for each in (*picture["images"], *mask["images"])] == ["temp"] * 3
    with Image.open(file_of(mask["images"][0])) as shown:
        assert (shown.getpixel((0, 0)), shown.info) == ((255, 255, 255), {})


def test_a_text_a_clip_and_a_model_are_shown_without_a_file_of_ours() -> None:
    assert ui.PreviewText("hello").as_dict() == {"text": ["hello"]}
    clip = ui.SavedResult("a.mp4", "", io.FolderType.output)
    assert ui.PreviewVideo([clip]).as_dict() == {"images": [clip], "animated": [True]}
    assert ui.PreviewUI3D("a.glb").as_dict() == {"result": ["a.glb", None, None]}


@pytest.mark.parametrize(("name", "rate_hz"), [("flac", 44_100), ("mp3", 44_100), ("opus", 48_000)])
def test_sounds_are_saved_with_the_graph(name: str, rate_hz: int) -> None:
    second = torch.sin(torch.linspace(0, 2000, 44_100)).expand(1, 2, -1)
    sound = {"waveform": second, "sample_rate": 44_100}
    shown = ui.AudioSaveHelper.get_save_audio_ui(sound, "tone", cls=NODE, format=name).as_dict()  # type: ignore[arg-type]
    with av.open(str(file_of(shown["audio"][0]))) as container:
        stream = container.streams.audio[0]
        samples = sum(frame.samples for frame in container.decode(audio=0))
        metadata = {key.lower(): value for key, value in {**container.metadata, **stream.metadata}.items()}
        assert (stream.rate, stream.channels) == (rate_hz, 2)
    assert samples / rate_hz == pytest.approx(1.0, abs=0.1)
    assert json.loads(metadata["prompt"]) == {"1": {}}


def test_a_sound_of_three_channels_is_refused() -> None:
    with pytest.raises(SoundWriteError, match="3 channels"):
        ui.PreviewAudio({"waveform": torch.zeros(1, 3, 100), "sample_rate": 44_100})


def test_a_video_of_pictures_is_saved_and_read_again(tmp_path: Path) -> None:
    components = Types.VideoComponents(images=torch.rand(4, 16, 32, 3), frame_rate=8)  # type: ignore[arg-type]
    video = InputImpl.VideoFromComponents(components)
    video.save_to(tmp_path / "clip.mp4", format=Types.VideoContainer.MP4, codec=Types.VideoCodec.H264)
    read = InputImpl.VideoFromFile(BytesIO((tmp_path / "clip.mp4").read_bytes()))
    assert isinstance(read, Input.Video)
    assert (read.get_dimensions(), read.get_frame_count(), read.get_duration()) == ((32, 16), 4, 0.5)
