"""Image nodes that change the size, the cut or the number of pictures."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from atelier_nodes.builtin.declarations import (
    MAX_BATCH,
    MAX_RESOLUTION_PX,
    InputTypes,
    choice,
    integer,
    linked,
    number,
)
from atelier_nodes.builtin.resampling import CROPS, IMAGE_METHODS, resample_pictures


class ImageScale:
    """Pictures in another size; a side of 0 follows from the other one."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"
    CATEGORY = "image/upscaling"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "image": linked("IMAGE"),
                "upscale_method": choice(IMAGE_METHODS),
                "width": integer(512, 0, MAX_RESOLUTION_PX),
                "height": integer(512, 0, MAX_RESOLUTION_PX),
                "crop": choice(CROPS),
            }
        }

    def upscale(self, image: Tensor, upscale_method: str, width: int, height: int, crop: str) -> tuple[Tensor]:
        if not width and not height:
            return (image,)
        old_height, old_width = image.shape[1:3]
        width = width or max(1, round(old_width * height / old_height))
        height = height or max(1, round(old_height * width / old_width))
        return (resample_pictures(image, width, height, upscale_method, crop),)


class ImageScaleBy:
    """Pictures scaled by a factor."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"
    CATEGORY = "image/upscaling"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "image": linked("IMAGE"),
                "upscale_method": choice(IMAGE_METHODS),
                "scale_by": number(1.0, 0.01, 8.0),
            }
        }

    def upscale(self, image: Tensor, upscale_method: str, scale_by: float) -> tuple[Tensor]:
        height, width = (max(1, round(side * scale_by)) for side in image.shape[1:3])
        return (resample_pictures(image, width, height, upscale_method),)


class ImageScaleToTotalPixels:
    """Pictures scaled to a number of pixels, in their proportions."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"
    CATEGORY = "image/upscaling"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "image": linked("IMAGE"),
                "upscale_method": choice(IMAGE_METHODS),
                "megapixels": number(1.0, 0.01, 16.0),
            },
            "optional": {"resolution_steps": integer(1, 1, 256, advanced=True)},
        }

    def upscale(
        self, image: Tensor, upscale_method: str, megapixels: float, resolution_steps: int = 1
    ) -> tuple[Tensor]:
        old_height, old_width = image.shape[1:3]
        factor = math.sqrt(megapixels * 1024 * 1024 / (old_width * old_height))
        height, width = (
            max(resolution_steps, round(side * factor / resolution_steps) * resolution_steps)
            for side in (old_height, old_width)
        )
        return (resample_pictures(image, width, height, upscale_method),)


class ImageCrop:
    """A rectangle of each picture; what reaches over the edge is left out."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "crop"
    CATEGORY = "image/transform"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "image": linked("IMAGE"),
                "width": integer(512, 1, MAX_RESOLUTION_PX),
                "height": integer(512, 1, MAX_RESOLUTION_PX),
                "x": integer(0, 0, MAX_RESOLUTION_PX),
                "y": integer(0, 0, MAX_RESOLUTION_PX),
            }
        }

    def crop(self, image: Tensor, width: int, height: int, x: int, y: int) -> tuple[Tensor]:
        left, top = min(x, image.shape[2] - 1), min(y, image.shape[1] - 1)
        return (image[:, top : top + height, left : left + width, :],)


class ImagePadForOutpaint:
    """Pictures with a grey border, and the mask of what is to be drawn there."""

    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "expand_image"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        sides = {side: integer(0, 0, MAX_RESOLUTION_PX, 8) for side in ("left", "top", "right", "bottom")}
        return {
            "required": {
                "image": linked("IMAGE"),
                **sides,
                "feathering": integer(40, 0, MAX_RESOLUTION_PX, advanced=True),
            }
        }

    def expand_image(
        self, image: Tensor, left: int, top: int, right: int, bottom: int, feathering: int
    ) -> tuple[Tensor, Tensor]:
        count, height, width, channels = image.shape
        padded = torch.full((count, height + top + bottom, width + left + right, channels), 0.5, dtype=torch.float32)
        padded[:, top : top + height, left : left + width, :] = image
        mask = torch.ones(padded.shape[1:3], dtype=torch.float32)
        inner = torch.zeros(height, width, dtype=torch.float32)
        if feathering > 0 and feathering * 2 < min(height, width):
            inner = _feathered(height, width, (left, top, right, bottom), feathering)
        mask[top : top + height, left : left + width] = inner
        return padded, mask.unsqueeze(0)


class ImageBatch:
    """Two batches as one; the second takes the size of the first."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "batch"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"image1": linked("IMAGE"), "image2": linked("IMAGE")}}

    def batch(self, image1: Tensor, image2: Tensor) -> tuple[Tensor]:
        height, width = image1.shape[1:3]
        second = resample_pictures(image2, width, height, "bilinear", "center")
        channels = max(image1.shape[-1], second.shape[-1])
        return (torch.cat([_with_channels(image1, channels), _with_channels(second, channels)]),)


class ImageFromBatch:
    """Some pictures of a batch, in their order."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "frombatch"
    CATEGORY = "image/batch"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "image": linked("IMAGE"),
                "batch_index": integer(0, 0, MAX_BATCH - 1),
                "length": integer(1, 1, MAX_BATCH),
            }
        }

    def frombatch(self, image: Tensor, batch_index: int, length: int) -> tuple[Tensor]:
        first = min(batch_index, image.shape[0] - 1)
        return (image[first : first + length].clone(),)


class RepeatImageBatch:
    """A batch several times after itself."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "repeat"
    CATEGORY = "image/batch"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"image": linked("IMAGE"), "amount": integer(1, 1, MAX_BATCH)}}

    def repeat(self, image: Tensor, amount: int) -> tuple[Tensor]:
        return (image.repeat(amount, 1, 1, 1),)


class RebatchImages:
    """The pictures of all batches of a list, in batches of another size."""

    RETURN_TYPES = ("IMAGE",)
    INPUT_IS_LIST = True
    OUTPUT_IS_LIST = (True,)
    FUNCTION = "rebatch"
    CATEGORY = "image/batch"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"images": linked("IMAGE"), "batch_size": integer(1, 1, MAX_BATCH)}}

    def rebatch(self, images: list[Tensor], batch_size: list[int]) -> tuple[list[Tensor]]:
        singles = [picture for batch in images for picture in torch.split(batch, 1)]
        size = batch_size[0]
        return ([torch.cat(singles[start : start + size]) for start in range(0, len(singles), size)],)


class GetImageSize:
    """Width, height and number of the pictures of a batch."""

    RETURN_TYPES = ("INT", "INT", "INT")
    RETURN_NAMES = ("width", "height", "batch_size")
    FUNCTION = "size"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"image": linked("IMAGE")}}

    def size(self, image: Tensor) -> tuple[int, int, int]:
        return image.shape[2], image.shape[1], image.shape[0]


NODES: tuple[type, ...] = (
    ImageScale,
    ImageScaleBy,
    ImageScaleToTotalPixels,
    ImageCrop,
    ImagePadForOutpaint,
    ImageBatch,
    ImageFromBatch,
    RepeatImageBatch,
    RebatchImages,
    GetImageSize,
)


def _with_channels(pictures: Tensor, channels: int) -> Tensor:
    # A picture without alpha is opaque.
    return torch.nn.functional.pad(pictures, (0, channels - pictures.shape[-1]), value=1.0)


def _feathered(height: int, width: int, border: tuple[int, int, int, int], feathering: int) -> Tensor:
    """The mask over the old picture: it fades with the square of the distance from sides that have a border."""
    left, top, right, bottom = border
    rows, columns = torch.arange(height, dtype=torch.float32), torch.arange(width, dtype=torch.float32)
    far = float(max(height, width))
    distance = torch.full((height, width), far)
    if top:
        distance = torch.minimum(distance, rows[:, None])
    if bottom:
        distance = torch.minimum(distance, height - rows[:, None])
    if left:
        distance = torch.minimum(distance, columns[None, :])
    if right:
        distance = torch.minimum(distance, width - columns[None, :])
    return ((feathering - distance) / feathering).clamp(min=0) ** 2
