"""Batches: pictures, masks and latents in another size or number."""

from typing import Any

import torch
from torch import Tensor

from atelier_nodes.builtin.resampling import resample


def common_upscale(samples: Tensor, width: int, height: int, upscale_method: str, crop: str) -> Tensor:
    """Changes the size of a batch.

    Args:
        samples: (n, channels, height, width), or (n, channels, frames, height, width).
        width: The new width, in elements.
        height: The new height.
        upscale_method: `nearest-exact`, `bilinear`, `area`, `bicubic`, `lanczos` or `bislerp`.
        crop: `center` cuts to the new proportions first; `disabled` distorts.
    """
    if samples.ndim <= 4:
        return resample(samples, width, height, upscale_method, crop)
    batch, channels, frames = samples.shape[:3]
    pictures = samples.movedim(2, 1).reshape(-1, channels, *samples.shape[-2:])
    resized = resample(pictures, width, height, upscale_method, crop)
    return resized.reshape(batch, frames, channels, height, width).movedim(1, 2)


def lanczos(samples: Tensor, width: int, height: int) -> Tensor:
    """Changes the size of a batch by Lanczos resampling, in 8 bits a channel."""
    return resample(samples, width, height, "lanczos")


def bislerp(samples: Tensor, width: int, height: int) -> Tensor:
    """Changes the size of a batch of latents by spherical interpolation."""
    return resample(samples, width, height, "bislerp")


def repeat_to_batch_size(tensor: Tensor, batch_size: int, dim: int = 0) -> Tensor:
    """Repeats or cuts a batch, so that it has `batch_size` elements."""
    length = tensor.shape[dim]
    if length < batch_size:
        repeats = [1] * tensor.ndim
        repeats[dim] = -(-batch_size // length)
        tensor = tensor.repeat(repeats)
    return tensor.narrow(dim, 0, batch_size)


def resize_to_batch_size(tensor: Tensor, batch_size: int) -> Tensor:
    """Repeats or picks elements of a batch evenly, so that it has `batch_size` of them."""
    length = tensor.shape[0]
    if length == batch_size:
        return tensor
    if batch_size <= 1:
        return tensor[:batch_size]
    if batch_size < length:
        scale = (length - 1) / (batch_size - 1)
        picked = [min(round(index * scale), length - 1) for index in range(batch_size)]
    else:
        picked = [min(int((index + 0.5) * length / batch_size), length - 1) for index in range(batch_size)]
    return tensor[torch.tensor(picked, device=tensor.device)]


def reshape_mask(input_mask: Tensor, output_shape: Any) -> Tensor:
    """Brings a mask to the size of a latent.

    Args:
        input_mask: (height, width), (n, height, width) or (n, 1, height, width).
        output_shape: Of the latent: (n, channels, height, width).

    Returns:
        A mask of that shape, repeated for each channel and element.
    """
    height, width = output_shape[-2:]
    mask = input_mask.reshape(-1, 1, *input_mask.shape[-2:])
    mask = torch.nn.functional.interpolate(mask, size=(height, width), mode="bilinear")
    if mask.shape[1] < output_shape[1]:
        mask = mask.repeat(1, output_shape[1], 1, 1)
    return repeat_to_batch_size(mask, output_shape[0])
