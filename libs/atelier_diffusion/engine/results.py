"""The results of the engine: pictures and their latents, clips and their frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from atelier_diffusion.policy.latent_format import LatentFormat
from atelier_diffusion.policy.prompt_tokens import PromptTokens

Pixels: TypeAlias = NDArray[np.uint8]
"""One picture: (height, width, 3), uint8, sRGB."""

Frames: TypeAlias = NDArray[np.uint8]
"""Consecutive frames of a clip: (frames, height, width, 3), uint8, sRGB."""


@dataclass(frozen=True, slots=True)
class Latent:
    """The latent of one picture.

    Attributes:
        samples: (1, channels, height, width), float32: as the autoencoder takes it, without the denoiser's scale.
        format: The format of the model that drew it.
    """

    samples: NDArray[np.float32]
    format: LatentFormat


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture, as far as the request's `outputs` name it.

    Attributes:
        index: Its place among the pictures of the request, from 0.
        seed: Draws it again, alone, with the same model revision.
        decoded: Its pixels; None unless the request asked for the PICTURE.
        tokens: How much of the prompts the model read; None where that is unknown.
        latent: Its latent; None unless the request asked for the LATENT.
    """

    index: int
    seed: int
    decoded: Pixels | None
    model_id: str
    model_revision: str
    tokens: PromptTokens | None = field(default=None, compare=False)
    latent: Latent | None = None

    @property
    def pixels(self) -> Pixels:
        """The pixels of a picture that was asked for."""
        if self.decoded is None:
            raise ValueError("the request did not ask for a PICTURE")
        return self.decoded


@dataclass(frozen=True, slots=True)
class FrameChunk:
    """Consecutive finished frames of a clip; the first is frame `first_index`, counted from 0."""

    first_index: int
    pixels: Frames


@dataclass(frozen=True, slots=True)
class Clip:
    """A finished clip of `frames` frames, which were passed on as `FrameChunk`s while they were decoded.

    Attributes:
        seed: Draws it again with the same model revision.
        tokens: How much of the prompts the model read; None where that is unknown.
    """

    seed: int
    frames: int
    model_id: str
    model_revision: str
    tokens: PromptTokens | None = field(default=None, compare=False)
