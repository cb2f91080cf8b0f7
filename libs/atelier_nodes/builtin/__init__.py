"""The nodes that ship, under ComfyUI's names, and a few of our own."""

from __future__ import annotations

from atelier_nodes.builtin import (
    checkpoints,
    conditioning,
    image_files,
    image_filters,
    image_transforms,
    latents,
    masks,
    primitives,
    regular_expressions,
    samplers,
    strings,
    vae,
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
    primitives,
    strings,
    regular_expressions,
)

NODE_CLASSES: dict[str, type] = {node.__name__: node for module in _MODULES for node in module.NODES}
