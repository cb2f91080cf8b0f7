"""Latent formats: which models' latents are interchangeable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Families that have a name, by channels and scaling factor of their autoencoder.
_NAMED = {(4, 0.18215): "sd15", (4, 0.13025): "sdxl", (4, 0.5): "playground25", (16, 1.5305): "sd3"}


@dataclass(frozen=True, slots=True)
class LatentFormat:
    """The latents of a model, as its autoencoder encodes and decodes them.

    Attributes:
        family: Latents of models of one family are interchangeable: a name such as `sd15`, or one that is made of the
            numbers.
        channels: Numbers of each cell.
        cell_px: Width and height of a cell in pixels.
        scale: What the autoencoder's latents are multiplied by for the denoiser.
    """

    family: str
    channels: int
    cell_px: int
    scale: float

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> LatentFormat | None:
        """Reads the content of `vae/config.json`; None for an autoencoder whose latents are not known here."""
        channels, scale, blocks = (
            config.get(name) for name in ("latent_channels", "scaling_factor", "block_out_channels")
        )
        if config.get("_class_name") != "AutoencoderKL" or not isinstance(blocks, list | tuple) or not blocks:
            return None
        if not isinstance(channels, int) or not isinstance(scale, int | float) or channels < 1 or scale <= 0:
            return None
        cell_px = 2 ** (len(blocks) - 1)
        family = _NAMED.get((channels, float(scale)), "") if cell_px == 8 else ""
        return cls(family or f"kl-{channels}x{cell_px}-{scale:g}", channels, cell_px, float(scale))

    def shape(self, width_px: int, height_px: int) -> tuple[int, int, int, int]:
        """Returns the shape of the latent of one picture: (1, channels, height, width)."""
        return (1, self.channels, height_px // self.cell_px, width_px // self.cell_px)
