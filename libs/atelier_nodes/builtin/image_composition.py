"""Image nodes that put pictures together, turn them, and give and take their alpha; and the masks for that."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from atelier_nodes.builtin.declarations import MAX_RESOLUTION_PX, InputTypes, choice, flag, integer, linked
from atelier_nodes.builtin.masks import batched
from atelier_nodes.builtin.resampling import resample, resample_pictures

_FLIPS = {"x-axis: vertically": 1, "y-axis: horizontally": 2}
_TURNS = {"none": 0, "90 degrees": -1, "180 degrees": -2, "270 degrees": -3}
_OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "multiply": lambda below, above: below * above,
    "add": lambda below, above: below + above,
    "subtract": lambda below, above: below - above,
    "and": lambda below, above: (below.round().bool() & above.round().bool()).float(),
    "or": lambda below, above: (below.round().bool() | above.round().bool()).float(),
    "xor": lambda below, above: (below.round().bool() ^ above.round().bool()).float(),
}


class ImageCompositeMasked:
    """Pictures with other pictures laid over them, where a mask is 1; what reaches over the edge is left out."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "composite"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "destination": linked("IMAGE"),
                "source": linked("IMAGE"),
                "x": integer(0, 0, MAX_RESOLUTION_PX),
                "y": integer(0, 0, MAX_RESOLUTION_PX),
                "resize_source": flag(False),
            },
            "optional": {"mask": linked("MASK")},
        }

    def composite(
        self, destination: Tensor, source: Tensor, x: int, y: int, resize_source: bool, mask: Tensor | None = None
    ) -> tuple[Tensor]:
        height, width = destination.shape[1:3]
        if resize_source:
            source = resample_pictures(source, width, height, "bilinear")
        channels = min(destination.shape[-1], source.shape[-1])
        count = destination.shape[0]
        above = _repeated(source[..., :channels], count)
        planes = torch.ones(1, *above.shape[1:3]) if mask is None else batched(mask)
        weights = _repeated(resample(planes.unsqueeze(1), above.shape[2], above.shape[1], "bilinear")[:, 0], count)
        part = slice(y, y + above.shape[1]), slice(x, x + above.shape[2])
        composed = destination.clone()
        below = composed[:, part[0], part[1], :channels]
        rows, columns = below.shape[1:3]
        share = weights[:, :rows, :columns, None]
        composed[:, part[0], part[1], :channels] = above[:, :rows, :columns] * share + below * (1 - share)
        return (composed,)


class ImageFlip:
    """Pictures mirrored."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "flip"
    CATEGORY = "image/transform"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"image": linked("IMAGE"), "flip_method": choice(tuple(_FLIPS))}}

    def flip(self, image: Tensor, flip_method: str) -> tuple[Tensor]:
        return (image.flip(_FLIPS[flip_method]),)


class ImageRotate:
    """Pictures turned clockwise."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "rotate"
    CATEGORY = "image/transform"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"image": linked("IMAGE"), "rotation": choice(tuple(_TURNS))}}

    def rotate(self, image: Tensor, rotation: str) -> tuple[Tensor]:
        return (torch.rot90(image, k=_TURNS[rotation], dims=(1, 2)),)


class SplitImageWithAlpha:
    """Pictures without their alpha, and a mask that is 1 where they are transparent."""

    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "split"
    CATEGORY = "mask/compositing"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"image": linked("IMAGE")}}

    def split(self, image: Tensor) -> tuple[Tensor, Tensor]:
        if image.shape[-1] < 4:
            return image, torch.zeros(image.shape[:3])
        return image[..., :3], 1.0 - image[..., 3]


class JoinImageWithAlpha:
    """Pictures that are transparent where a mask is 1."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "join"
    CATEGORY = "mask/compositing"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"image": linked("IMAGE"), "alpha": linked("MASK")}}

    def join(self, image: Tensor, alpha: Tensor) -> tuple[Tensor]:
        height, width = image.shape[1:3]
        planes = resample(batched(alpha).unsqueeze(1), width, height, "bilinear")[:, 0]
        count = max(image.shape[0], planes.shape[0])
        opaque = 1.0 - _repeated(planes, count)
        return (torch.cat([_repeated(image, count)[..., :3], opaque.unsqueeze(-1)], dim=-1),)


class CropMask:
    """A rectangle of a mask."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "crop"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "mask": linked("MASK"),
                "x": integer(0, 0, MAX_RESOLUTION_PX),
                "y": integer(0, 0, MAX_RESOLUTION_PX),
                "width": integer(512, 1, MAX_RESOLUTION_PX),
                "height": integer(512, 1, MAX_RESOLUTION_PX),
            }
        }

    def crop(self, mask: Tensor, x: int, y: int, width: int, height: int) -> tuple[Tensor]:
        return (batched(mask)[:, y : y + height, x : x + width],)


class MaskComposite:
    """A mask combined with another one that is laid over it; what reaches over the edge is left out."""

    RETURN_TYPES = ("MASK",)
    FUNCTION = "combine"
    CATEGORY = "mask"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "destination": linked("MASK"),
                "source": linked("MASK"),
                "x": integer(0, 0, MAX_RESOLUTION_PX),
                "y": integer(0, 0, MAX_RESOLUTION_PX),
                "operation": choice(tuple(_OPERATIONS)),
            }
        }

    def combine(self, destination: Tensor, source: Tensor, x: int, y: int, operation: str) -> tuple[Tensor]:
        combined = batched(destination).clone()
        above = _repeated(batched(source), combined.shape[0])
        below = combined[:, y : y + above.shape[1], x : x + above.shape[2]]
        rows, columns = below.shape[1:]
        combined[:, y : y + rows, x : x + columns] = _OPERATIONS[operation](below, above[:, :rows, :columns])
        return (combined.clamp(0, 1),)


NODES: tuple[type, ...] = (
    ImageCompositeMasked,
    ImageFlip,
    ImageRotate,
    SplitImageWithAlpha,
    JoinImageWithAlpha,
    CropMask,
    MaskComposite,
)


def _repeated(batch: Tensor, count: int) -> Tensor:
    """A batch of exactly `count`: repeated from its beginning, or cut off."""
    turns = -(-count // batch.shape[0])
    return batch.repeat(turns, *[1] * (batch.ndim - 1))[:count]
