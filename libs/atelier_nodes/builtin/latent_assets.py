"""Latent assets: the asset of each element of a LATENT on the mesh, so that a job can begin with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from atelier_diffusion.policy.latent_format import LatentFormat
from atelier_nodes.builtin.latent_formats import latent_format_of
from atelier_nodes.builtin.mesh_latent import SAMPLES, DrawnLatent, LatentSource, MeshLatent
from atelier_nodes.builtin.node_mesh import NodeMesh


@dataclass(frozen=True, slots=True)
class LatentAsset:
    """One element of a LATENT that a job can begin with.

    Attributes:
        parameter: `init_image_asset_id` or `init_latent_asset_id`.
        asset_id: Its value.
        width_px: Width of the picture.
        height_px: Height of the picture.
    """

    parameter: str
    asset_id: str
    width_px: int
    height_px: int


async def latent_assets(latent: Mapping[str, Any], model: str, mesh: NodeMesh) -> list[LatentAsset]:
    """Returns the asset of each element of a LATENT, and stores those that are not on the mesh yet.

    Args:
        latent: The LATENT.
        model: The model of the job that begins with them.
        mesh: The mesh of the node.

    Raises:
        MeshError: Something could not be stored or encoded.
        ValueError: A tensor does not fit the model.
    """
    sources = sources_of(latent)
    if not sources:
        samples: Tensor = latent[SAMPLES]
        latent_format = getattr(latent, "format", None) or await latent_format_of(model, mesh)
        return await _all_stored(samples, latent_format, mesh)
    if any(not isinstance(source, DrawnLatent) and source.model != model for source in sources):
        # Encoded by one model and sampled by another: the latents go from one to the other.
        assert isinstance(latent, MeshLatent)
        samples = await latent.load(mesh)
        assert latent.format is not None
        return await _all_stored(samples, latent.format, mesh)
    # A repeated element is one asset, so that its repetitions can share a job.
    distinct = {id(source): source for source in sources}
    found = await mesh.gather([partial(_of_source, source, mesh) for source in distinct.values()])
    assets = dict(zip(distinct, found, strict=True))
    return [assets[id(source)] for source in sources]


def sources_of(latent: Mapping[str, Any]) -> tuple[LatentSource, ...]:
    """Returns the sources of the elements of a LATENT; empty for a tensor of this process."""
    return latent.sources if isinstance(latent, MeshLatent) else ()


def is_empty(latent: Mapping[str, Any]) -> bool:
    """True if a LATENT is all zeros, like an empty latent: pictures then begin with noise only."""
    return not sources_of(latent) and not torch.count_nonzero(latent[SAMPLES])


def batch_size(latent: Mapping[str, Any]) -> int:
    """The number of elements of a LATENT."""
    return len(sources_of(latent)) or int(latent[SAMPLES].shape[0])


async def _all_stored(samples: Tensor, latent_format: LatentFormat, mesh: NodeMesh) -> list[LatentAsset]:
    return await mesh.gather([partial(_stored, part, latent_format, mesh) for part in torch.split(samples, 1)])


async def _stored(samples: Tensor, latent_format: LatentFormat, mesh: NodeMesh) -> LatentAsset:
    samples = _fitted(samples.detach().cpu().float(), latent_format)
    asset_id = await mesh.store_latent(samples.contiguous().numpy(), latent_format)
    height, width = samples.shape[2:]
    cell_px = latent_format.cell_px
    return LatentAsset("init_latent_asset_id", asset_id, width * cell_px, height * cell_px)


def _fitted(samples: Tensor, latent_format: LatentFormat) -> Tensor:
    if samples.ndim != 4:
        raise ValueError(f"the image service has no latents of the shape {tuple(samples.shape)}")
    if samples.shape[1] == latent_format.channels:
        return samples
    if torch.count_nonzero(samples):
        message = f"the latent has {samples.shape[1]} channels, but the model's have {latent_format.channels}"
        raise ValueError(message)
    # An empty latent is empty in any format.
    return torch.zeros(1, latent_format.channels, *samples.shape[2:])


async def _of_source(source: LatentSource, mesh: NodeMesh) -> LatentAsset:
    if isinstance(source, DrawnLatent):
        return LatentAsset("init_latent_asset_id", source.latent, source.width_px, source.height_px)
    asset_id = await mesh.store_picture(source.pixels)
    return LatentAsset("init_image_asset_id", asset_id, source.width_px, source.height_px)
