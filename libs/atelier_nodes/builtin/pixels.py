"""Pixels: between pictures of 8 bits a channel and IMAGE and MASK tensors."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor


def to_bytes(values: Tensor) -> NDArray[np.uint8]:
    """Scales 0…1 to 0…255 and cuts off the fraction: 0.5 becomes 127.

    Args:
        values: Of any shape, float.

    Returns:
        Of the same shape.
    """
    scaled = 255.0 * values.detach().cpu().float().numpy()
    return cast(NDArray[np.uint8], np.clip(np.nan_to_num(scaled), 0, 255).astype(np.uint8))


def to_picture(pixels: Tensor) -> Image.Image:
    """One picture of an IMAGE, (height, width, channels), as a Pillow image: grey, RGB or RGBA."""
    values = to_bytes(pixels)
    return Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)


def from_picture(picture: Image.Image) -> Tensor:
    """A Pillow image as (height, width, channels) or, if grey, (height, width), float32, 0…1."""
    return torch.from_numpy(np.asarray(picture).astype(np.float32) / 255.0)
