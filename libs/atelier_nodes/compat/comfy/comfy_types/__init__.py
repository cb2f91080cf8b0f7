"""Types of node classes, under the names that packs use for annotations."""

from collections.abc import Callable
from typing import Any, Protocol, TypedDict

import torch

from comfy.comfy_types.node_typing import (
    IO,
    CheckLazyMixin,
    ComfyNodeABC,
    FileLocator,
    InputTypeDict,
    InputTypeOptions,
)


class UnetApplyFunction(Protocol):
    """Applies a network to noisy latents."""

    def __call__(self, x: torch.Tensor, t: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """Returns the prediction for latents `x` at times `t`."""
        ...


class UnetApplyConds(TypedDict, total=False):
    """Conditioning of a network."""

    c_concat: torch.Tensor | None
    c_crossattn: torch.Tensor | None
    control: torch.Tensor | None
    transformer_options: dict[str, Any] | None


class UnetParams(TypedDict):
    """Arguments of a wrapped network."""

    input: torch.Tensor
    timestep: torch.Tensor
    c: UnetApplyConds
    cond_or_uncond: torch.Tensor


UnetWrapperFunction = Callable[[UnetApplyFunction, UnetParams], torch.Tensor]

__all__ = [
    "IO",
    "CheckLazyMixin",
    "ComfyNodeABC",
    "FileLocator",
    "InputTypeDict",
    "InputTypeOptions",
    "UnetApplyConds",
    "UnetApplyFunction",
    "UnetParams",
    "UnetWrapperFunction",
]
