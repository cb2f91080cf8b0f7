"""The finder of modules without a counterpart: they can be imported, and their attributes are placeholders.

Modules of `comfy_extras` hold node classes in the original: they have the node classes that ship.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from atelier_nodes.packs import registry
from atelier_nodes.packs.model_internals import placeholder

INTERNALS = (
    "comfy.checkpoint_pickle",
    "comfy.cldm",
    "comfy.clip_model",
    "comfy.clip_vision",
    "comfy.conds",
    "comfy.context_windows",
    "comfy.controlnet",
    "comfy.diffusers_convert",
    "comfy.diffusers_load",
    "comfy.extra_samplers",
    "comfy.float",
    "comfy.gligen",
    "comfy.hooks",
    "comfy.image_encoders",
    "comfy.k_diffusion",
    "comfy.latent_formats",
    "comfy.ldm",
    "comfy.lora",
    "comfy.lora_convert",
    "comfy.model_base",
    "comfy.model_detection",
    "comfy.model_patcher",
    "comfy.model_sampling",
    "comfy.nested_tensor",
    "comfy.ops",
    "comfy.patcher_extension",
    "comfy.pixel_space_convert",
    "comfy.quant_ops",
    "comfy.rmsnorm",
    "comfy.sampler_helpers",
    "comfy.sd",
    "comfy.sd1_clip",
    "comfy.sdxl_clip",
    "comfy.supported_models",
    "comfy.supported_models_base",
    "comfy.t2i_adapter",
    "comfy.taesd",
    "comfy.text_encoders",
    "comfy.weight_adapter",
    "comfy_extras",
)
"""Modules and, by prefix, all modules below them."""


class InternalsFinder(MetaPathFinder, Loader):
    """Finds every module of `INTERNALS`; each is a package, as there may be modules below it."""

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns the specification of a module of `INTERNALS`, else None."""
        if fullname in INTERNALS or fullname.startswith(tuple(f"{name}." for name in INTERNALS)):
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Returns a module whose names are placeholders."""
        return _PlaceholderModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Does nothing: the module has no code."""


class _PlaceholderModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if self.__name__.startswith("comfy_extras") and name in registry.NODE_CLASSES:
            return registry.NODE_CLASSES[name]
        return placeholder(f"{self.__name__}.{name}")


def add_internals_finder() -> None:
    """Makes the modules importable, after all others."""
    if not any(isinstance(finder, InternalsFinder) for finder in sys.meta_path):
        sys.meta_path.append(InternalsFinder())
