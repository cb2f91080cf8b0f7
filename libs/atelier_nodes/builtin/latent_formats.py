"""Latent formats of the mesh's models: learned from a latent of each, for tensors that graphs made themselves."""

from __future__ import annotations

import numpy as np

from atelier_diffusion.policy.latent_format import LatentFormat
from atelier_nodes.builtin.mesh_latent import EncodedPicture, MeshLatent
from atelier_nodes.builtin.node_mesh import NodeMesh

_SIDE_PX = 64
_formats: dict[str, LatentFormat] = {}


async def latent_format_of(model: str, mesh: NodeMesh) -> LatentFormat:
    """The format of a model's latents: it encodes a small grey picture, once in a process.

    Raises:
        MeshError: The model cannot encode.
    """
    if model not in _formats:
        grey = np.full((_SIDE_PX, _SIDE_PX, 3), 128, np.uint8)
        latent = MeshLatent([EncodedPicture(model, grey)])
        await latent.load(mesh)
        assert latent.format is not None
        _formats[model] = latent.format
    return _formats[model]
