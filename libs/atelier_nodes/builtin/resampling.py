"""Resampling: changes the size of batches of pictures, masks and latents, by the methods that graphs name."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

IMAGE_METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "lanczos")
LATENT_METHODS = ("nearest-exact", "bilinear", "area", "bicubic", "bislerp")
CROPS = ("disabled", "center")


def resample(samples: Tensor, width: int, height: int, method: str, crop: str = "disabled") -> Tensor:
    """Changes the size of a batch.

    Args:
        samples: (n, channels, height, width), float.
        width: New width, in elements of `samples`.
        height: New height.
        method: One of `IMAGE_METHODS` or `LATENT_METHODS`.
        crop: `center` cuts away what the new proportions leave out, equally on both sides; `disabled` distorts.

    Returns:
        (n, channels, `height`, `width`).

    Raises:
        ValueError: Unknown method.
    """
    if crop == "center":
        samples = crop_to_proportions(samples, width, height)
    if tuple(samples.shape[-2:]) == (height, width):
        return samples
    if method == "lanczos":
        return _lanczos(samples, width, height)
    if method == "bislerp":
        return _bislerp(samples, width, height)
    if method not in IMAGE_METHODS:
        raise ValueError(f"unknown resampling method {method!r}")
    return torch.nn.functional.interpolate(samples, size=(height, width), mode=method)


def resample_pictures(pictures: Tensor, width: int, height: int, method: str, crop: str = "disabled") -> Tensor:
    """`resample` for an IMAGE: (n, height, width, channels)."""
    return resample(pictures.movedim(-1, 1), width, height, method, crop).movedim(1, -1)


def crop_to_proportions(samples: Tensor, width: int, height: int) -> Tensor:
    """Cuts (…, height, width) to the proportions of `width` × `height`, around its centre."""
    old_height, old_width = samples.shape[-2:]
    old_aspect, new_aspect = old_width / old_height, width / height
    left = top = 0
    if old_aspect > new_aspect:
        left = round((old_width - old_width * (new_aspect / old_aspect)) / 2)
    elif old_aspect < new_aspect:
        top = round((old_height - old_height * (old_aspect / new_aspect)) / 2)
    return samples[..., top : old_height - top, left : old_width - left]


def _lanczos(samples: Tensor, width: int, height: int) -> Tensor:
    # By Pillow, in 8 bits a channel, plane by plane: any number of channels.
    planes = (samples.detach().cpu().clamp(0, 1) * 255).to(torch.uint8).numpy()
    resized = [
        [np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.LANCZOS)) for plane in item]
        for item in planes
    ]
    return torch.from_numpy(np.array(resized).astype(np.float32) / 255).to(samples.device, samples.dtype)


def _bislerp(samples: Tensor, width: int, height: int) -> Tensor:
    # Spherical interpolation of the channels, so that latents keep their length: columns first, then rows.
    columns = _along_last(samples.float(), width)
    return _along_last(columns.transpose(-1, -2), height).transpose(-1, -2).to(samples.dtype)


def _along_last(samples: Tensor, size: int) -> Tensor:
    old_size = samples.shape[-1]
    centres = (torch.arange(size, dtype=torch.float32) + 0.5) * old_size / size - 0.5
    centres = centres.clamp(0, old_size - 1).to(samples.device)
    low = centres.floor().long()
    high = (low + 1).clamp(max=old_size - 1)
    return _slerp(samples[..., low], samples[..., high], centres - low)


def _slerp(first: Tensor, second: Tensor, ratio: Tensor) -> Tensor:
    """Interpolates between the channel vectors (dimension 1) of two tensors of equal shape."""
    first_length = first.norm(dim=1, keepdim=True)
    second_length = second.norm(dim=1, keepdim=True)
    first_unit = first / first_length.clamp(min=1e-12)
    second_unit = second / second_length.clamp(min=1e-12)
    cosine = (first_unit * second_unit).sum(dim=1, keepdim=True)
    angle = cosine.clamp(-1, 1).acos()
    sine = angle.sin().clamp(min=1e-12)
    direction = ((1 - ratio) * angle).sin() / sine * first_unit + (ratio * angle).sin() / sine * second_unit
    curved = direction * (first_length * (1 - ratio) + second_length * ratio)
    straight = first * (1 - ratio) + second * ratio
    # Nearly equal or opposite directions have no arc worth following.
    return torch.where(cosine.abs() > 1 - 1e-5, straight, curved)
