"""Mesh values: MODEL, CLIP, VAE and CONDITIONING as descriptions; the weights are on the workers of the mesh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class ModelValue:
    """A MODEL: the denoiser of a model of the mesh."""

    model: str


@dataclass(frozen=True, slots=True)
class ClipValue:
    """A CLIP: the text encoders of a model of the mesh."""

    model: str


@dataclass(frozen=True, slots=True)
class VaeValue:
    """A VAE: the autoencoder of a model of the mesh."""

    model: str


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text and the encoders that read it.

    Attributes:
        clip: The encoders.
        text: The text.
        zeroed: The encoders' result is replaced by zeros.
    """

    clip: ClipValue
    text: str
    zeroed: bool = False


Conditioning: TypeAlias = list[list[Any]]
"""Pairs of an `EncodedText` and a dict of options, as packs expect pairs of a tensor and a dict."""


def require_kind(value: object, kind: type, name: str) -> None:
    """Checks that a value was made by a node that describes what is on the mesh.

    Raises:
        TypeError: It is something else, such as weights that a pack has loaded.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} must come from a model of the mesh, not from {type(value).__name__}")
