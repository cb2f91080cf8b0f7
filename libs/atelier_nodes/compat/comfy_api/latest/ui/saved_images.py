"""Pictures and animations of V3 nodes as files."""

from dataclasses import replace
from typing import Any

import torch

from atelier_nodes.builtin.animations import WEBP_METHODS, exif_text, saved_animation
from atelier_nodes.builtin.pixels import to_picture
from atelier_nodes.builtin.saved_pictures import entry, png_text, png_writer, write_next
from atelier_nodes.packs.folders import node_folders, save_place
from comfy_api.latest.io.widgets import FolderType
from comfy_api.latest.ui.node_files import folder_of, metadata_of
from comfy_api.latest.ui.outputs import SavedImages, SavedResult


class ImageSaveHelper:
    """Saves pictures. `cls` is the class of the node, whose hidden inputs the files carry."""

    @staticmethod
    def save_images(
        images: torch.Tensor, filename_prefix: str, folder_type: FolderType, cls: Any = None, compress_level: int = 4
    ) -> list[SavedResult]:
        """Saves each picture of a batch as PNG, and returns the files."""
        folder = folder_of(folder_type)
        height, width = images[0].shape[:2]
        place = save_place(filename_prefix, node_folders().of(folder), width, height)
        chunks = png_text(*metadata_of(cls))
        results = []
        for number, pixels in enumerate(images):
            write = png_writer(to_picture(pixels), chunks, compress_level)
            path = write_next(place, "png", write, stem=place.name.replace("%batch_num%", str(number)))
            results.append(SavedResult(**entry(path, place, folder)))
            place = replace(place, counter=place.counter + 1)
        return results

    @staticmethod
    def get_save_images_ui(
        images: torch.Tensor, filename_prefix: str, cls: Any = None, compress_level: int = 4
    ) -> SavedImages:
        """Saves pictures in the output folder, and returns what to show."""
        return SavedImages(ImageSaveHelper.save_images(images, filename_prefix, FolderType.output, cls, compress_level))

    @staticmethod
    def save_animated_png(
        images: torch.Tensor,
        filename_prefix: str,
        folder_type: FolderType,
        cls: Any,
        fps: float,
        compress_level: int,
    ) -> SavedResult:
        """Saves pictures as one animated PNG, and returns the file."""
        options = {"pnginfo": png_text(*metadata_of(cls)), "compress_level": compress_level}
        return SavedResult(**saved_animation(images, filename_prefix, "png", fps, options, folder_of(folder_type)))

    @staticmethod
    def get_save_animated_png_ui(
        images: torch.Tensor, filename_prefix: str, cls: Any, fps: float, compress_level: int
    ) -> SavedImages:
        """Saves an animated PNG in the output folder, and returns what to show."""
        saved = ImageSaveHelper.save_animated_png(images, filename_prefix, FolderType.output, cls, fps, compress_level)
        return SavedImages([saved], is_animated=len(images) > 1)

    @staticmethod
    def save_animated_webp(
        images: torch.Tensor,
        filename_prefix: str,
        folder_type: FolderType,
        cls: Any,
        fps: float,
        lossless: bool,
        quality: int,
        method: int | str,
    ) -> SavedResult:
        """Saves pictures as one animated WebP, and returns the file."""
        effort = WEBP_METHODS[method] if isinstance(method, str) else method
        options = {"exif": exif_text(*metadata_of(cls)), "lossless": lossless, "quality": quality, "method": effort}
        return SavedResult(**saved_animation(images, filename_prefix, "webp", fps, options, folder_of(folder_type)))

    @staticmethod
    def get_save_animated_webp_ui(
        images: torch.Tensor,
        filename_prefix: str,
        cls: Any,
        fps: float,
        lossless: bool,
        quality: int,
        method: int | str,
    ) -> SavedImages:
        """Saves an animated WebP in the output folder, and returns what to show."""
        saved = ImageSaveHelper.save_animated_webp(
            images, filename_prefix, FolderType.output, cls, fps, lossless, quality, method
        )
        return SavedImages([saved], is_animated=len(images) > 1)
