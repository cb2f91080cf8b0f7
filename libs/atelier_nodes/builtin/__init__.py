"""The nodes that ship: under ComfyUI's names, and a few of Atelier's own."""

from __future__ import annotations

from atelier_nodes.builtin import (
    animations,
    checkpoints,
    conditioning,
    image_composition,
    image_files,
    image_filters,
    image_transforms,
    latent_files,
    latents,
    masks,
    one_node,
    preview_any,
    primitives,
    regular_expressions,
    samplers,
    strings,
    vae,
    videos,
)
from atelier_nodes.builtin.descriptions import described
from atelier_nodes.builtin.display_names import DISPLAY_NAMES

__all__ = ["DISPLAY_NAMES", "NODE_CLASSES"]

_MODULES = (
    checkpoints,
    conditioning,
    latents,
    latent_files,
    samplers,
    vae,
    image_files,
    image_transforms,
    image_filters,
    image_composition,
    masks,
    videos,
    animations,
    one_node,
    preview_any,
    primitives,
    strings,
    regular_expressions,
)

NODE_CLASSES: dict[str, type] = {node.__name__: described(node) for module in _MODULES for node in module.NODES}
