"""Image nodes that change pixels: invert, blend, blur, sharpen; and a picture of one colour."""

from __future__ import annotations

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
from atelier_nodes.builtin.resampling import resample_pictures

BLEND_MODES = ("normal", "multiply", "screen", "overlay", "soft_light", "difference")
_MAX_COLOR = 0xFFFFFF


class EmptyImage:
    """Pictures of one colour."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "generate"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "width": integer(512, 1, MAX_RESOLUTION_PX),
                "height": integer(512, 1, MAX_RESOLUTION_PX),
                "batch_size": integer(1, 1, MAX_BATCH),
                "color": integer(0, 0, _MAX_COLOR, display="color"),
            }
        }

    def generate(self, width: int, height: int, batch_size: int = 1, color: int = 0) -> tuple[Tensor]:
        channels = torch.tensor([color >> 16 & 255, color >> 8 & 255, color & 255], dtype=torch.float32) / 255
        return (channels.expand(batch_size, height, width, 3).clone(),)


class ImageInvert:
    """The negative of each picture."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "invert"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"image": linked("IMAGE")}}

    def invert(self, image: Tensor) -> tuple[Tensor]:
        return (1.0 - image,)


class ImageBlend:
    """Two pictures in one; the second takes the size of the first."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "blend_images"
    CATEGORY = "image/postprocessing"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "image1": linked("IMAGE"),
                "image2": linked("IMAGE"),
                "blend_factor": number(0.5, 0.0, 1.0),
                "blend_mode": choice(BLEND_MODES),
            }
        }

    def blend_images(self, image1: Tensor, image2: Tensor, blend_factor: float, blend_mode: str) -> tuple[Tensor]:
        height, width = image1.shape[1:3]
        channels = min(image1.shape[-1], image2.shape[-1])
        below = image1[..., :channels]
        above = resample_pictures(image2[..., :channels], width, height, "bicubic", "center").to(below.device)
        blended = below * (1 - blend_factor) + _blend(below, above, blend_mode) * blend_factor
        return (blended.clamp(0, 1),)


class ImageBlur:
    """Pictures behind a Gaussian blur."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "blur"
    CATEGORY = "image/postprocessing"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "image": linked("IMAGE"),
                "blur_radius": integer(1, 1, 31),
                "sigma": number(1.0, 0.1, 10.0, 0.1),
            }
        }

    def blur(self, image: Tensor, blur_radius: int, sigma: float) -> tuple[Tensor]:
        return (_convolve(image, _gaussian(blur_radius, sigma)),)


class ImageSharpen:
    """Pictures with their edges raised."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "sharpen"
    CATEGORY = "image/postprocessing"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "image": linked("IMAGE"),
                "sharpen_radius": integer(1, 1, 31),
                "sigma": number(1.0, 0.1, 10.0),
                "alpha": number(1.0, 0.0, 5.0),
            }
        }

    def sharpen(self, image: Tensor, sharpen_radius: int, sigma: float, alpha: float) -> tuple[Tensor]:
        # The blurred picture is subtracted, and the centre makes the sum of the kernel one again.
        kernel = _gaussian(sharpen_radius, sigma) * -(alpha * 10)
        kernel[sharpen_radius, sharpen_radius] += 1.0 - kernel.sum()
        return (_convolve(image, kernel).clamp(0, 1),)


NODES: tuple[type, ...] = (EmptyImage, ImageInvert, ImageBlend, ImageBlur, ImageSharpen)


def _blend(below: Tensor, above: Tensor, mode: str) -> Tensor:
    match mode:
        case "normal":
            return above
        case "multiply":
            return below * above
        case "screen":
            return 1 - (1 - below) * (1 - above)
        case "overlay":
            return torch.where(below <= 0.5, 2 * below * above, 1 - 2 * (1 - below) * (1 - above))
        case "soft_light":
            return _soft_light(below, above)
        case "difference":
            return below - above
    raise ValueError(f"unknown blend mode {mode!r}")


def _soft_light(below: Tensor, above: Tensor) -> Tensor:
    # The formula of the W3C's "Compositing and Blending".
    lighter = torch.where(below <= 0.25, ((16 * below - 12) * below + 4) * below, below.clamp(min=0).sqrt())
    dark = below - (1 - 2 * above) * below * (1 - below)
    return torch.where(above <= 0.5, dark, below + (2 * above - 1) * (lighter - below))


def _gaussian(radius: int, sigma: float) -> Tensor:
    """A square kernel of sum one. `sigma` is in units of the radius."""
    line = torch.linspace(-1, 1, 2 * radius + 1)
    values = (-(line[:, None] ** 2 + line[None, :] ** 2) / (2 * sigma**2)).exp()
    return values / values.sum()


def _convolve(pictures: Tensor, kernel: Tensor) -> Tensor:
    # Edges are mirrored; a picture smaller than the kernel cannot be, and repeats its edge.
    radius = kernel.shape[0] // 2
    planes = pictures.movedim(-1, 1)
    channels, height, width = planes.shape[1:]
    mode = "reflect" if min(height, width) > radius else "replicate"
    padded = torch.nn.functional.pad(planes, (radius,) * 4, mode)
    weights = kernel.to(planes).expand(channels, 1, *kernel.shape)
    return torch.nn.functional.conv2d(padded, weights, groups=channels).movedim(1, -1)
