"""Image file nodes: load pictures and masks, save and preview pictures."""

from __future__ import annotations

import hashlib
import mimetypes
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from atelier_nodes.builtin.declarations import InputTypes, choice, linked, text
from atelier_nodes.builtin.picture_reader import read_channel, read_image
from atelier_nodes.builtin.pixels import to_picture
from atelier_nodes.builtin.saved_pictures import entry, png_text, png_writer, write_next
from atelier_nodes.packs.folders import FolderEscapeError, FolderType, annotated_file, node_folders, save_place


class LoadImage:
    """A picture of the input folder, or all frames of an animation, and its transparency as a mask."""

    RETURN_TYPES: tuple[str, ...] = ("IMAGE", "MASK")
    FUNCTION = "load_image"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"image": choice(_input_pictures(), image_upload=True)}}

    @classmethod
    def VALIDATE_INPUTS(cls, image: str | None) -> bool | str:
        return _exists(image)

    @classmethod
    def IS_CHANGED(cls, image: str | None, **_: Any) -> str:
        return content_digest(image)

    def load_image(self, image: str) -> tuple[Tensor, Tensor]:
        return read_image(annotated_file(image))


class LoadImageMask:
    """One channel of a picture of the input folder as a mask."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "load_image"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "image": choice(_input_pictures(), image_upload=True),
                "channel": choice(("alpha", "red", "green", "blue")),
            }
        }

    @classmethod
    def VALIDATE_INPUTS(cls, image: str | None) -> bool | str:
        return _exists(image)

    @classmethod
    def IS_CHANGED(cls, image: str | None, **_: Any) -> str:
        return content_digest(image)

    def load_image(self, image: str, channel: str) -> tuple[Tensor]:
        return (read_channel(annotated_file(image), channel),)


class SaveImage:
    """Saves pictures as PNG files in the output folder, with the graph in each.

    Attributes:
        type: The folder that entries name.
        prefix_append: What file names have after their prefix.
        compress_level: Of the PNG, from 0 to 9.
    """

    RETURN_TYPES: tuple[str, ...] = ()
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "image"

    def __init__(self) -> None:
        self.type: FolderType = "output"
        self.prefix_append = ""
        self.compress_level = 4
        self._folder: Path | None = None

    @property
    def output_dir(self) -> str:
        """The folder of the files: that of the execution, unless a subclass has set another one."""
        return str(self._folder or node_folders().of(self.type))

    @output_dir.setter
    def output_dir(self, folder: str) -> None:
        self._folder = Path(folder)

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {"images": linked("IMAGE"), "filename_prefix": text("ComfyUI")},
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def save_images(
        self,
        images: Tensor,
        filename_prefix: str = "ComfyUI",
        prompt: Any = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        height, width = images[0].shape[:2]
        place = save_place(filename_prefix + self.prefix_append, Path(self.output_dir), width, height)
        chunks = png_text(prompt, extra_pnginfo)
        entries: list[dict[str, str]] = []
        for number, pixels in enumerate(images):
            write = png_writer(to_picture(pixels), chunks, self.compress_level)
            path = write_next(place, "png", write, stem=place.name.replace("%batch_num%", str(number)))
            entries.append(entry(path, place, self.type))
            place = replace(place, counter=place.counter + 1)
        return {"ui": {"images": entries}}


class PreviewImage(SaveImage):
    """Saves pictures in the temporary folder, for a client to show."""

    def __init__(self) -> None:
        super().__init__()
        self.type = "temp"
        self.prefix_append = f"_temp_{secrets.token_hex(4)}"
        self.compress_level = 1

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {"images": linked("IMAGE")},
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }


NODES: tuple[type, ...] = (LoadImage, LoadImageMask, SaveImage, PreviewImage)


def content_digest(name: str | None) -> str:
    """A digest of the file that a graph names, which changes with its content; empty for a name that a link brings."""
    if name is None:
        return ""
    with annotated_file(name).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _input_pictures() -> list[str]:
    folder = node_folders().input
    if not folder.is_dir():
        return []
    names = (file.name for file in folder.iterdir() if file.is_file())
    return sorted(name for name in names if (mimetypes.guess_type(name)[0] or "").startswith("image/"))


def _exists(image: str | None) -> bool | str:
    # A name that a link brings is known when the node runs.
    if image is None:
        return True
    try:
        found = annotated_file(image).is_file()
    except (FolderEscapeError, ValueError, TypeError):
        found = False
    return found or f"Invalid image file: {image}"
