"""Animation nodes: pictures as frames of an animated WebP or PNG file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

from PIL import Image
from torch import Tensor

from atelier_nodes.builtin.declarations import InputTypes, choice, flag, integer, linked, number, text
from atelier_nodes.builtin.pixels import to_picture
from atelier_nodes.builtin.saved_pictures import entry, png_text, write_next
from atelier_nodes.packs.folders import FolderType, node_folders, save_place

WEBP_METHODS = {"default": 4, "fastest": 0, "slowest": 6}
# Texts of EXIF in which editors look for graphs: Model, and counting down from Make.
_EXIF_MODEL = 0x0110
_EXIF_MAKE = 0x010F


class SaveAnimatedWEBP:
    """Saves pictures as one animated WebP file in the output folder."""

    RETURN_TYPES: tuple[str, ...] = ()
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "image/animation"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "images": linked("IMAGE"),
                "filename_prefix": text("ComfyUI"),
                "fps": number(6.0, 0.01, 1000.0),
                "lossless": flag(True),
                "quality": integer(80, 0, 100),
                "method": choice(tuple(WEBP_METHODS)),
            },
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def save_images(
        self,
        images: Tensor,
        fps: float,
        filename_prefix: str,
        lossless: bool,
        quality: int,
        method: str,
        prompt: Any = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        options = {
            "exif": exif_text(prompt, extra_pnginfo),
            "lossless": lossless,
            "quality": quality,
            "method": WEBP_METHODS[method],
        }
        return _saved(images, filename_prefix, "webp", fps, options)


class SaveAnimatedPNG:
    """Saves pictures as one animated PNG file in the output folder."""

    RETURN_TYPES: tuple[str, ...] = ()
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "image/animation"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "images": linked("IMAGE"),
                "filename_prefix": text("ComfyUI"),
                "fps": number(6.0, 0.01, 1000.0),
                "compress_level": integer(4, 0, 9),
            },
            "hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"},
        }

    def save_images(
        self,
        images: Tensor,
        fps: float,
        compress_level: int,
        filename_prefix: str = "ComfyUI",
        prompt: Any = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        options = {"pnginfo": png_text(prompt, extra_pnginfo), "compress_level": compress_level}
        return _saved(images, filename_prefix, "png", fps, options)


NODES: tuple[type, ...] = (SaveAnimatedWEBP, SaveAnimatedPNG)


def exif_text(prompt: Any, extra_pnginfo: Mapping[str, Any] | None) -> Image.Exif:
    """The EXIF of a WebP file: the graph, and what the client brought, where editors look for them.

    Args:
        prompt: The graph in API format, or None.
        extra_pnginfo: JSON values by keyword, or None.
    """
    exif = Image.Exif()
    if prompt is not None:
        exif[_EXIF_MODEL] = f"prompt:{json.dumps(prompt)}"
    for place, (keyword, value) in enumerate((extra_pnginfo or {}).items()):
        exif[_EXIF_MAKE - place] = f"{keyword}:{json.dumps(value)}"
    return exif


def saved_animation(
    images: Tensor, prefix: str, extension: str, fps: float, options: Mapping[str, Any], folder: FolderType = "output"
) -> dict[str, str]:
    """Saves pictures as one animated file, and returns its entry.

    Args:
        images: IMAGE, (frames, height, width, channels).
        prefix: Of the file name, with sub-folders.
        extension: `webp` or `png`.
        fps: Frames a second.
        options: Of Pillow's encoder.
        folder: Where to.
    """
    first, *others = (to_picture(pixels) for pixels in images)
    place = save_place(prefix, node_folders().of(folder), first.width, first.height)

    def write(file: BinaryIO) -> None:
        duration_ms = int(1000.0 / fps)
        first.save(file, extension.upper(), save_all=True, append_images=others, duration=duration_ms, **options)

    return entry(write_next(place, extension, write), place, folder)


def _saved(images: Tensor, prefix: str, extension: str, fps: float, options: Mapping[str, Any]) -> dict[str, Any]:
    saved = saved_animation(images, prefix, extension, fps, options)
    return {"ui": {"images": [saved], "animated": (len(images) > 1,)}}
