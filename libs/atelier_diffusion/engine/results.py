"""The results of the engine: pixels, pictures, clips and their frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from atelier_diffusion.policy.prompt_tokens import PromptTokens

# Height × width × 3, uint8, sRGB.
Pixels = NDArray[np.uint8]

# Frames × height × width × 3, uint8, sRGB.
Frames = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture. `seed` makes it again, alone, with the same model revision."""

    index: int
    seed: int
    pixels: Pixels
    model_id: str
    model_revision: str
    tokens: PromptTokens | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class FrameChunk:
    """Finished frames of a clip that follow one another; the first is frame `first_index`, counted from 0."""

    first_index: int
    pixels: Frames


@dataclass(frozen=True, slots=True)
class Clip:
    """A finished clip, whose frames have been given away. `seed` makes it again, with the same model revision."""

    seed: int
    frames: int
    model_id: str
    model_revision: str
    tokens: PromptTokens | None = field(default=None, compare=False)
