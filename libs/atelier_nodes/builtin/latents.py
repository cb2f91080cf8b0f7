"""Latent nodes: a LATENT is a dict with `samples`, (n, channels, height, width), float32, a cell for 8 × 8 pixels.

Values that a node need not read stay on the mesh: see `mesh_latent`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from atelier_nodes.builtin.latent_assets import batch_size, sources_of
from atelier_nodes.builtin.masks import batched
from atelier_nodes.builtin.mesh_latent import SAMPLES, MeshLatent
from atelier_nodes.builtin.node_mesh import NodeMesh
from atelier_nodes.builtin.resampling import CROPS, LATENT_METHODS, resample

Latent = dict[str, Any]

_CELL_PX = 8
_CHANNELS = 4
# Bounds of the image service.
_MIN_SIDE_PX = 64
_MAX_SIDE_PX = 2048


class EmptyLatentImage:
    """Latents of nothing, which say how large and how many the pictures are to be."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "generate"
    CATEGORY = "latent"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "width": integer(512, _MIN_SIDE_PX, _MAX_SIDE_PX, _CELL_PX),
                "height": integer(512, _MIN_SIDE_PX, _MAX_SIDE_PX, _CELL_PX),
                "batch_size": integer(1, 1, MAX_BATCH),
            }
        }

    def generate(self, width: int, height: int, batch_size: int = 1) -> tuple[Latent]:
        return ({SAMPLES: torch.zeros(batch_size, _CHANNELS, height // _CELL_PX, width // _CELL_PX)},)


class LatentUpscale:
    """Latents in another size; a side of 0 follows from the other one."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "upscale"
    CATEGORY = "latent"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "samples": linked("LATENT"),
                "upscale_method": choice(LATENT_METHODS),
                "width": integer(512, 0, MAX_RESOLUTION_PX, _CELL_PX),
                "height": integer(512, 0, MAX_RESOLUTION_PX, _CELL_PX),
                "crop": choice(CROPS),
            }
        }

    async def upscale(
        self, samples: Mapping[str, Any], upscale_method: str, width: int, height: int, crop: str
    ) -> tuple[Mapping[str, Any]]:
        if not width and not height:
            return (samples,)
        cells = await _tensor(samples)
        cell_px = _cell_px(samples)
        old_height, old_width = cells.shape[-2:]
        width = max(64, width or round(old_width * max(64, height) / old_height))
        height = max(64, height or round(old_height * width / old_width))
        return (_resampled(samples, cells, width // cell_px, height // cell_px, upscale_method, crop),)


class LatentUpscaleBy:
    """Latents scaled by a factor."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "upscale"
    CATEGORY = "latent"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "samples": linked("LATENT"),
                "upscale_method": choice(LATENT_METHODS),
                "scale_by": number(1.5, 0.01, 8.0),
            }
        }

    async def upscale(self, samples: Mapping[str, Any], upscale_method: str, scale_by: float) -> tuple[Latent]:
        cells = await _tensor(samples)
        height, width = (max(1, round(side * scale_by)) for side in cells.shape[-2:])
        return (_resampled(samples, cells, width, height, upscale_method, "disabled"),)


class RepeatLatentBatch:
    """A batch several times after itself; repetitions have noise of their own."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "repeat"
    CATEGORY = "latent/batch"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"samples": linked("LATENT"), "amount": integer(1, 1, 64)}}

    def repeat(self, samples: Mapping[str, Any], amount: int) -> tuple[Latent]:
        size = batch_size(samples)
        others = _others(samples)
        if "noise_mask" in others:
            # A mask for each element, and not more of them than elements.
            masks = _each_mask(others["noise_mask"], size)
            others["noise_mask"] = masks.repeat(amount, *[1] * (masks.ndim - 1))
        if indices := others.get("batch_index"):
            step = max(indices) - min(indices) + 1
            others["batch_index"] = [index + step * turn for turn in range(amount) for index in indices]
        if sources := sources_of(samples):
            return (MeshLatent(sources * amount, others),)
        return ({SAMPLES: samples[SAMPLES].repeat(amount, 1, 1, 1), **others},)


class LatentFromBatch:
    """Some latents of a batch, in their order, with the noise that they would have there."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "frombatch"
    CATEGORY = "latent/batch"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "samples": linked("LATENT"),
                "batch_index": integer(0, 0, 63),
                "length": integer(1, 1, 64),
            }
        }

    def frombatch(self, samples: Mapping[str, Any], batch_index: int, length: int) -> tuple[Latent]:
        size = batch_size(samples)
        first = min(batch_index, size - 1)
        part = slice(first, min(first + length, size))
        others = _others(samples)
        if "noise_mask" in others:
            others["noise_mask"] = _each_mask(others["noise_mask"], size)[part].clone()
        others["batch_index"] = (others.get("batch_index") or list(range(size)))[part]
        if sources := sources_of(samples):
            return (MeshLatent(sources[part], others),)
        return ({SAMPLES: samples[SAMPLES][part].clone(), **others},)


class SetLatentNoiseMask:
    """Latents of which only what is masked is drawn anew."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "set_mask"
    CATEGORY = "latent/inpaint"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"samples": linked("LATENT"), "mask": linked("MASK")}}

    def set_mask(self, samples: Latent, mask: Tensor) -> tuple[Latent]:
        masked = samples.copy()
        masked["noise_mask"] = batched(mask).unsqueeze(1)
        return (masked,)


class RebatchLatents:
    """The latents of all batches of a list, in batches of another size; those of another shape begin a new one."""

    RETURN_TYPES = ("LATENT",)
    INPUT_IS_LIST = True
    OUTPUT_IS_LIST = (True,)
    FUNCTION = "rebatch"
    CATEGORY = "latent/batch"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"latents": linked("LATENT"), "batch_size": integer(1, 1, MAX_BATCH)}}

    def rebatch(self, latents: list[Mapping[str, Any]], batch_size: list[int]) -> tuple[list[Latent]]:
        batches: list[list[Latent]] = []
        for single in (part for latent in latents for part in _singles(latent)):
            last = batches[-1] if batches else None
            if last and len(last) < batch_size[0] and _fit(last[0], single):
                last.append(single)
            else:
                batches.append([single])
        return ([_joined(batch) for batch in batches],)


NODES: tuple[type, ...] = (
    EmptyLatentImage,
    LatentUpscale,
    LatentUpscaleBy,
    RepeatLatentBatch,
    LatentFromBatch,
    SetLatentNoiseMask,
    RebatchLatents,
)


async def _tensor(latent: Mapping[str, Any]) -> Tensor:
    if isinstance(latent, MeshLatent):
        return await latent.load(NodeMesh.current())
    samples: Tensor = latent[SAMPLES]
    return samples


def _cell_px(latent: Mapping[str, Any]) -> int:
    known = getattr(latent, "format", None)
    return known.cell_px if known else _CELL_PX


def _resampled(
    latent: Mapping[str, Any], cells: Tensor, width: int, height: int, method: str, crop: str
) -> dict[str, Any]:
    scaled: dict[str, Any] = latent.copy() if isinstance(latent, MeshLatent) else dict(latent)
    scaled[SAMPLES] = resample(cells, width, height, method, crop)
    return scaled


def _others(latent: Mapping[str, Any]) -> dict[str, Any]:
    return {key: latent[key] for key in latent if key != SAMPLES}


def _each_mask(masks: Tensor, size: int) -> Tensor:
    masks = batched(masks).unsqueeze(1)
    turns = -(-size // masks.shape[0])
    return masks.repeat(turns, 1, 1, 1)[:size]


def _singles(latent: Mapping[str, Any]) -> list[Latent]:
    return [LatentFromBatch().frombatch(latent, index, 1)[0] for index in range(batch_size(latent))]


def _fit(one: Latent, other: Latent) -> bool:
    """Whether two latents can be in one batch: of one shape, both on the mesh or both here, masked alike."""
    return _shape(one) == _shape(other)


def _shape(latent: Latent) -> tuple[Any, ...]:
    mask = latent.get("noise_mask")
    masked = None if mask is None else tuple(mask.shape[-2:])
    if sources := sources_of(latent):
        return "mesh", sources[0].width_px, sources[0].height_px, masked
    return "here", *latent[SAMPLES].shape[1:], masked


def _joined(singles: list[Latent]) -> Latent:
    others: dict[str, Any] = {"batch_index": [index for single in singles for index in single["batch_index"]]}
    if "noise_mask" in singles[0]:
        others["noise_mask"] = torch.cat([single["noise_mask"] for single in singles])
    sources = [source for single in singles for source in sources_of(single)]
    if sources:
        return MeshLatent(sources, others)
    return {SAMPLES: torch.cat([single[SAMPLES] for single in singles]), **others}
