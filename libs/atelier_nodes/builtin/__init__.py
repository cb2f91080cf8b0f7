"""The nodes that ship, under ComfyUI's names, and a few of our own."""

from __future__ import annotations

from atelier_nodes.builtin import (
    animations,
    checkpoints,
    conditioning,
    image_files,
    image_filters,
    image_transforms,
    latents,
    masks,
    one_node,
    primitives,
    regular_expressions,
    samplers,
    strings,
    vae,
    videos,
)
from atelier_nodes.builtin.display_names import DISPLAY_NAMES

__all__ = ["DISPLAY_NAMES", "NODE_CLASSES"]

_MODULES = (
    checkpoints,
    conditioning,
    latents,
    samplers,
    vae,
    image_files,
    image_transforms,
    image_filters,
    masks,
    videos,
    animations,
    one_node,
    primitives,
    strings,
    regular_expressions,
)

NODE_CLASSES: dict[str, type] = {node.__name__: node for module in _MODULES for node in module.NODES}
