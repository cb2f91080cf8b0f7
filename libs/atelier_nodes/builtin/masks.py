"""Mask nodes: MASK is (n, height, width), float32, 1 where a node has an effect."""

from __future__ import annotations

import torch
from torch import Tensor

from atelier_nodes.builtin.declarations import MAX_RESOLUTION_PX, InputTypes, choice, flag, integer, linked, number

CHANNELS = ("red", "green", "blue", "alpha")


class MaskToImage:
    """A mask as a grey picture."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "mask_to_image"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"mask": linked("MASK")}}

    def mask_to_image(self, mask: Tensor) -> tuple[Tensor]:
        return (batched(mask).unsqueeze(-1).expand(-1, -1, -1, 3),)


class ImageToMask:
    """One channel of pictures as a mask."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "image_to_mask"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"image": linked("IMAGE"), "channel": choice(CHANNELS)}}

    def image_to_mask(self, image: Tensor, channel: str) -> tuple[Tensor]:
        index = CHANNELS.index(channel)
        if index >= image.shape[-1]:
            raise ValueError(f"the image has no {channel} channel")
        return (image[..., index],)


class InvertMask:
    """What is masked, and what is not, exchanged."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "invert"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"mask": linked("MASK")}}

    def invert(self, mask: Tensor) -> tuple[Tensor]:
        return (1.0 - mask,)


class GrowMask:
    """A mask grown, or shrunk if `expand` is negative, by a number of pixels."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "expand_mask"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "mask": linked("MASK"),
                "expand": integer(0, -MAX_RESOLUTION_PX, MAX_RESOLUTION_PX),
                "tapered_corners": flag(True),
            }
        }

    def expand_mask(self, mask: Tensor, expand: int, tapered_corners: bool) -> tuple[Tensor]:
        planes = batched(mask).float()
        grown = grow(planes if expand >= 0 else -planes, abs(expand), tapered_corners)
        return (grown if expand >= 0 else -grown,)


class FeatherMask:
    """A mask that fades out towards its edges."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "feather"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        sides = {side: integer(0, 0, MAX_RESOLUTION_PX) for side in ("left", "top", "right", "bottom")}
        return {"required": {"mask": linked("MASK"), **sides}}

    def feather(self, mask: Tensor, left: int, top: int, right: int, bottom: int) -> tuple[Tensor]:
        planes = batched(mask)
        height, width = planes.shape[1:]
        columns = _ramp(width, left) * _ramp(width, right).flip(0)
        rows = _ramp(height, top) * _ramp(height, bottom).flip(0)
        return (planes * columns[None, None, :] * rows[None, :, None],)


class SolidMask:
    """A mask of one value."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "solid"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "value": number(1.0, 0.0, 1.0),
                "width": integer(512, 1, MAX_RESOLUTION_PX),
                "height": integer(512, 1, MAX_RESOLUTION_PX),
            }
        }

    def solid(self, value: float, width: int, height: int) -> tuple[Tensor]:
        return (torch.full((1, height, width), value, dtype=torch.float32),)


class ThresholdMask:
    """1 where a mask is above a value, 0 elsewhere."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "image_to_mask"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"mask": linked("MASK"), "value": number(0.5, 0.0, 1.0)}}

    def image_to_mask(self, mask: Tensor, value: float) -> tuple[Tensor]:
        return ((mask > value).float(),)


NODES: tuple[type, ...] = (
    MaskToImage,
    ImageToMask,
    InvertMask,
    GrowMask,
    FeatherMask,
    SolidMask,
    ThresholdMask,
)


def batched(mask: Tensor) -> Tensor:
    """A mask of any number of leading dimensions as (n, height, width)."""
    return mask.reshape(-1, mask.shape[-2], mask.shape[-1])


def grow(mask: Tensor, pixels: int, tapered_corners: bool) -> Tensor:
    """Each value becomes the largest within `pixels` of it.

    Args:
        mask: (n, height, width), float.
        pixels: Distance, from 0.
        tapered_corners: Count distance along rows and columns, which gives diamonds; otherwise squares.

    Returns:
        Of the same shape.
    """
    height, width = mask.shape[1:]
    if not tapered_corners:
        down, across = min(pixels, height - 1), min(pixels, width - 1)
        padded = torch.nn.functional.pad(mask, (across, across, down, down), value=-torch.inf)
        return torch.nn.functional.max_pool2d(padded, (2 * down + 1, 2 * across + 1), stride=1)
    # Farther than this there is nothing left that could change.
    for _ in range(min(pixels, height + width - 2)):
        padded = torch.nn.functional.pad(mask, (1, 1, 1, 1), value=-torch.inf)
        rows = torch.maximum(padded[:, :-2, 1:-1], padded[:, 2:, 1:-1])
        columns = torch.maximum(padded[:, 1:-1, :-2], padded[:, 1:-1, 2:])
        mask = torch.maximum(mask, torch.maximum(rows, columns))
    return mask


def _ramp(size: int, length: int) -> Tensor:
    # From 1/length to 1, and 1 from there on.
    length = min(length, size)
    ramp = torch.ones(size, dtype=torch.float32)
    if length:
        ramp[:length] = torch.arange(1, length + 1, dtype=torch.float32) / length
    return ramp
