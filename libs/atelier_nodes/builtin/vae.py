"""VAE nodes: pictures to latents and back, by the autoencoder of a model of the mesh."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from atelier_nodes.builtin.declarations import InputTypes, integer, linked
from atelier_nodes.builtin.latent_assets import LatentAsset, latent_assets, sources_of
from atelier_nodes.builtin.masks import batched, grow
from atelier_nodes.builtin.mesh_latent import DrawnLatent, EncodedPicture, MeshLatent, unchanged_parameters
from atelier_nodes.builtin.mesh_values import VaeValue, require_kind
from atelier_nodes.builtin.node_mesh import NodeMesh
from atelier_nodes.builtin.pixels import to_bytes

# Sides of what is encoded are multiples of it.
STEP_PX = 8


class VAEDecode:
    """The pictures of latents."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "decode"
    CATEGORY = "latent"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"samples": linked("LATENT"), "vae": linked("VAE")}}

    async def decode(self, vae: VaeValue, samples: Mapping[str, Any]) -> tuple[Tensor]:
        return (await decoded(samples, vae, NodeMesh.current()),)


class VAEDecodeTiled:
    """The pictures of latents; the image service decides by itself whether it decodes in tiles."""

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "decode"
    CATEGORY = "latent"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "samples": linked("LATENT"),
                "vae": linked("VAE"),
                "tile_size": integer(512, 64, 4096, 32),
                "overlap": integer(64, 0, 4096, 32),
                "temporal_size": integer(64, 8, 4096, 4),
                "temporal_overlap": integer(8, 4, 4096, 4),
            }
        }

    async def decode(
        self,
        vae: VaeValue,
        samples: Mapping[str, Any],
        tile_size: int,
        overlap: int = 64,
        temporal_size: int = 64,
        temporal_overlap: int = 8,
    ) -> tuple[Tensor]:
        return (await decoded(samples, vae, NodeMesh.current()),)


class VAEEncode:
    """The latents of pictures: encoded by the job that begins with them, or when a node reads them."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "encode"
    CATEGORY = "latent"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"pixels": linked("IMAGE"), "vae": linked("VAE")}}

    def encode(self, vae: VaeValue, pixels: Tensor) -> tuple[MeshLatent]:
        return (MeshLatent(_encoded(pixels, vae)),)


class VAEEncodeForInpaint:
    """The latents of pictures that are grey where the mask is, and the mask of what is to be drawn there."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "encode"
    CATEGORY = "latent/inpaint"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "pixels": linked("IMAGE"),
                "vae": linked("VAE"),
                "mask": linked("MASK"),
                "grow_mask_by": integer(6, 0, 64),
            }
        }

    def encode(self, vae: VaeValue, pixels: Tensor, mask: Tensor, grow_mask_by: int = 6) -> tuple[MeshLatent]:
        height, width = pixels.shape[1:3]
        plane = torch.nn.functional.interpolate(batched(mask).unsqueeze(1), size=(height, width), mode="bilinear")
        masked = _cropped(plane.movedim(1, -1)).round()
        grey = (_cropped(pixels)[..., :3] - 0.5) * (1 - masked) + 0.5
        # A margin, so that what is drawn can meet what stays.
        grown = grow(masked[..., 0], grow_mask_by // 2, tapered_corners=False)
        return (MeshLatent(_encoded(grey, vae), {"noise_mask": grown.unsqueeze(1)}),)


NODES: tuple[type, ...] = (VAEDecode, VAEDecodeTiled, VAEEncode, VAEEncodeForInpaint)


async def decoded(latent: Mapping[str, Any], vae: VaeValue, mesh: NodeMesh) -> Tensor:
    """Decodes a LATENT.

    If the job that made a latent has decoded it already, its picture is used; otherwise a new job decodes it.

    Returns:
        IMAGE, (n, height, width, 3).

    Raises:
        MeshError: A job failed.
        TypeError: `vae` is no description of the mesh's.
    """
    require_kind(vae, VaeValue, "vae")
    sources = sources_of(latent)
    known = [source.picture for source in sources if isinstance(source, DrawnLatent) and source.model == vae.model]
    if sources and len(known) == len(sources) and all(known):
        pictures = await mesh.gather([partial(mesh.read_picture, picture) for picture in known])
    else:
        assets = await latent_assets(latent, vae.model, mesh)
        pictures = await mesh.gather([partial(_decoded, asset, vae, mesh) for asset in assets])
    return torch.stack(pictures)


async def _decoded(asset: LatentAsset, vae: VaeValue, mesh: NodeMesh) -> Tensor:
    answer = await mesh.draw(
        {
            **unchanged_parameters(vae.model, asset.width_px, asset.height_px),
            asset.parameter: asset.asset_id,
            "outputs": ["PICTURE"],
        }
    )
    return await mesh.read_picture(answer.pictures[0])


def _encoded(pixels: Tensor, vae: VaeValue) -> list[EncodedPicture]:
    require_kind(vae, VaeValue, "vae")
    return [EncodedPicture(vae.model, to_bytes(picture)) for picture in _cropped(pixels)[..., :3]]


def _cropped(pixels: Tensor) -> Tensor:
    """The largest part of pictures, (n, height, width, channels), from their centre, that can be encoded."""
    height, width = (side // STEP_PX * STEP_PX for side in pixels.shape[1:3])
    if not height or not width:
        raise ValueError(f"a picture of less than {STEP_PX} pixels cannot be encoded")
    top, left = (pixels.shape[1] - height) // 2, (pixels.shape[2] - width) // 2
    return pixels[:, top : top + height, left : left + width]
