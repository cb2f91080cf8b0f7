"""Video nodes: videos of pictures, pictures of videos, and files of both."""

from __future__ import annotations

import mimetypes
import shutil
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from torch import Tensor

from atelier_nodes.builtin.declarations import InputTypes, choice, linked, number, text
from atelier_nodes.builtin.image_files import content_digest
from atelier_nodes.builtin.saved_pictures import entry, write_next
from atelier_nodes.builtin.video_values import VideoComponents, VideoFromComponents, VideoFromFile, VideoValue
from atelier_nodes.packs.folders import FolderEscapeError, annotated_file, node_folders, save_place

# Lower rates are written with this denominator at most.
_MAX_DENOMINATOR = 1001


class CreateVideo:
    """A video of pictures."""

    RETURN_TYPES = ("VIDEO",)
    FUNCTION = "create"
    CATEGORY = "image/video"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {"images": linked("IMAGE"), "fps": number(30.0, 1.0, 120.0, 1.0)},
            "optional": {"audio": linked("AUDIO")},
        }

    def create(self, images: Tensor, fps: float, audio: Any = None) -> tuple[VideoValue]:
        if audio is not None:
            raise ValueError("clips have no sound here: take out the link to audio")
        frame_rate = Fraction(fps).limit_denominator(_MAX_DENOMINATOR)
        return (VideoFromComponents(VideoComponents(images, frame_rate)),)


class GetVideoComponents:
    """The pictures of a video and their rate."""

    RETURN_TYPES = ("IMAGE", "AUDIO", "FLOAT")
    RETURN_NAMES = ("images", "audio", "fps")
    FUNCTION = "components"
    CATEGORY = "image/video"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"video": linked("VIDEO")}}

    def components(self, video: VideoValue) -> tuple[Tensor, Any, float]:
        found = video.get_components()
        return found.images, found.audio, float(found.frame_rate)


class LoadVideo:
    """A video of the input folder."""

    RETURN_TYPES = ("VIDEO",)
    FUNCTION = "load_video"
    CATEGORY = "image/video"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"file": choice(_input_videos(), video_upload=True)}}

    @classmethod
    def VALIDATE_INPUTS(cls, file: str | None) -> bool | str:
        if file is None:
            return True
        try:
            found = annotated_file(file).is_file()
        except (FolderEscapeError, ValueError, TypeError):
            found = False
        return found or f"Invalid video file: {file}"

    @classmethod
    def IS_CHANGED(cls, file: str | None, **_: Any) -> str:
        return content_digest(file)

    def load_video(self, file: str) -> tuple[VideoValue]:
        return (VideoFromFile(annotated_file(file)),)


class SaveVideo:
    """Saves a video in the output folder, with the graph in the file if it is encoded now."""

    RETURN_TYPES: tuple[str, ...] = ()
    FUNCTION = "save_video"
    OUTPUT_NODE = True
    CATEGORY = "image/video"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "video": linked("VIDEO"),
                "filename_prefix": text("video/ComfyUI"),
                "format": choice(("auto", "mp4")),
                "codec": choice(("auto", "h264")),
            },
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def save_video(
        self,
        video: VideoValue,
        filename_prefix: str,
        format: str,  # noqa: A002 - the name of the input
        codec: str,
        prompt: Any = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        width, height = video.get_dimensions()
        folders = node_folders()
        place = save_place(filename_prefix, folders.output, width, height)
        metadata = {**({} if prompt is None else {"prompt": prompt}), **(extra_pnginfo or {})}
        folders.temp.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folders.temp) as folder:
            encoded = Path(folder) / "clip"
            video.save_to(encoded, format, codec, metadata)
            extension = VideoFromFile(encoded).get_container_format()

            def write(file: BinaryIO) -> None:
                with encoded.open("rb") as content:
                    shutil.copyfileobj(content, file)

            path = write_next(place, extension, write)
        return {"ui": {"images": [entry(path, place, "output")], "animated": (True,)}}


NODES: tuple[type, ...] = (CreateVideo, GetVideoComponents, LoadVideo, SaveVideo)


def _input_videos() -> list[str]:
    folder = node_folders().input
    if not folder.is_dir():
        return []
    names = (file.name for file in folder.iterdir() if file.is_file())
    return sorted(name for name in names if (mimetypes.guess_type(name)[0] or "").startswith("video/"))
