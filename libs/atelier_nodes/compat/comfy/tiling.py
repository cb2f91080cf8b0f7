"""Tiling: a function is applied to overlapping tiles, whose results are blended where they overlap."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

PerAxis = float | Sequence[float] | Callable[[int], int]


def tile_starts(length: int, tile: int, overlap: int) -> list[int]:
    """Returns where tiles begin along one axis, so that the last one ends at its end."""
    if length <= tile:
        return [0]
    step = tile - overlap
    count = math.ceil((length - overlap) / step)
    return [min(index * step, length - tile) for index in range(count)]


def get_tiled_scale_steps(width: int, height: int, tile_x: int, tile_y: int, overlap: int) -> int:
    """Returns how many tiles there are."""
    return len(tile_starts(height, tile_y, overlap)) * len(tile_starts(width, tile_x, overlap))


@torch.inference_mode()
def tiled_scale_multidim(
    samples: Tensor,
    function: Callable[[Tensor], Tensor],
    tile: Sequence[int] = (64, 64),
    overlap: int | Sequence[int] = 8,
    upscale_amount: PerAxis = 4,
    out_channels: int = 3,
    output_device: str | torch.device = "cpu",
    downscale: bool = False,
    index_formulas: PerAxis | None = None,
    pbar: Any = None,
) -> Tensor:
    """Applies a function that changes the size of a batch, tile by tile.

    Args:
        samples: (n, channels, *axes).
        function: From one tile, (1, channels, *axes), to its result, (1, `out_channels`, *axes).
        tile: A tile's length along each axis.
        overlap: How much neighbours share, along each axis or all.
        upscale_amount: Factor of the lengths, or a function of a length, for each axis or all.
        out_channels: Of the result.
        output_device: Where the result is.
        downscale: Whether lengths are divided instead.
        index_formulas: As `upscale_amount`, for positions; the same if omitted.
        pbar: A progress bar that is updated by 1 for each tile.

    Returns:
        (n, `out_channels`, *axes).
    """
    axes = len(tile)
    lengths = samples.shape[2:]
    overlaps = list(overlap) if isinstance(overlap, Sequence) else [overlap] * axes
    scales = _per_axis(upscale_amount, axes, downscale)
    positions = _per_axis(upscale_amount if index_formulas is None else index_formulas, axes, downscale)
    sizes = [scale(length) for scale, length in zip(scales, lengths, strict=True)]
    output = torch.empty((samples.shape[0], out_channels, *sizes), device=output_device)
    starts = [tile_starts(length, size, shared) for length, size, shared in zip(lengths, tile, overlaps, strict=True)]
    for item in range(samples.shape[0]):
        total = torch.zeros((1, out_channels, *sizes), device=output_device)
        weight = torch.zeros_like(total)
        for corner in itertools.product(*starts):
            part = samples[item : item + 1]
            for axis, start in enumerate(corner):
                part = part.narrow(axis + 2, start, min(tile[axis], lengths[axis] - start))
            result = function(part).to(output_device)
            place = tuple(
                slice(position(start), position(start) + result.shape[axis + 2])
                for axis, (position, start) in enumerate(zip(positions, corner, strict=True))
            )
            feathers = [scale(shared) for scale, shared in zip(scales, overlaps, strict=True)]
            mask = _feathered(result, feathers, corner, starts)
            total[(slice(None), slice(None), *place)] += result * mask
            weight[(slice(None), slice(None), *place)] += mask
            if pbar is not None:
                pbar.update(1)
        output[item : item + 1] = total / weight
    return output


def tiled_scale(
    samples: Tensor,
    function: Callable[[Tensor], Tensor],
    tile_x: int = 64,
    tile_y: int = 64,
    overlap: int = 8,
    upscale_amount: float = 4,
    out_channels: int = 3,
    output_device: str | torch.device = "cpu",
    pbar: Any = None,
) -> Tensor:
    """`tiled_scale_multidim` for (n, channels, height, width)."""
    return tiled_scale_multidim(
        samples, function, (tile_y, tile_x), overlap, upscale_amount, out_channels, output_device, pbar=pbar
    )


def _feathered(result: Tensor, feathers: Sequence[int], corner: Sequence[int], starts: Sequence[list[int]]) -> Tensor:
    """Weights that fall towards neighbours; the edges of the whole picture keep theirs."""
    mask = torch.ones_like(result)
    for axis, feather in enumerate(feathers):
        length = mask.shape[axis + 2]
        for distance in range(min(feather, length)):
            factor = (distance + 1) / feather
            if corner[axis] != starts[axis][0]:
                mask.narrow(axis + 2, distance, 1).mul_(factor)
            if corner[axis] != starts[axis][-1]:
                mask.narrow(axis + 2, length - 1 - distance, 1).mul_(factor)
    return mask


def _per_axis(amount: PerAxis, axes: int, divide: bool) -> list[Callable[[float], int]]:
    amounts = list(amount) if isinstance(amount, Sequence) else [amount] * axes
    return [_scaling(each, divide) for each in amounts]


def _scaling(amount: Any, divide: bool) -> Callable[[float], int]:
    if callable(amount):
        return lambda length: int(amount(length))
    if divide:
        return lambda length: round(length / amount)
    return lambda length: round(length * amount)
