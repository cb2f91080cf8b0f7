"""Types of values between nodes."""

from typing import NotRequired, TypedDict

import torch

ImageInput = torch.Tensor
"""Pictures: (n, height, width, channels), from 0 to 1."""

MaskInput = torch.Tensor
"""Masks: (n, height, width), from 0 to 1."""


class AudioInput(TypedDict):
    """Sound.

    Attributes:
        waveform: (n, channels, samples), from -1 to 1.
        sample_rate: Samples a second.
    """

    waveform: torch.Tensor
    sample_rate: int


class LatentInput(TypedDict):
    """Latents.

    Attributes:
        samples: (n, channels, height, width), or with frames before the height.
        noise_mask: Where noise is added; everywhere if omitted.
        batch_index: For each element the number of its noise.
    """

    samples: torch.Tensor
    noise_mask: NotRequired[torch.Tensor]
    batch_index: NotRequired[list[int]]
