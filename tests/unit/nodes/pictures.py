"""Small pictures for tests of nodes."""

from __future__ import annotations

import torch
from torch import Tensor


def gradient(width: int = 8, height: int = 6, count: int = 1) -> Tensor:
    """Pictures (count, height, width, 3): red grows to the right, green downwards, blue with the picture's number."""
    pictures = torch.zeros(count, height, width, 3)
    pictures[..., 0] = torch.linspace(0, 1, width)[None, None, :]
    pictures[..., 1] = torch.linspace(0, 1, height)[None, :, None]
    pictures[..., 2] = (torch.arange(count) / max(count, 1))[:, None, None]
    return pictures
