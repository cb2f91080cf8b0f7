"""Latents of the demo model."""

import numpy as np

from atelier_diffusion.encoding.latent_file import encode_latent
from atelier_diffusion.engine.results import Latent
from atelier_diffusion.policy.latent_format import LatentFormat

FORMAT = LatentFormat("kl-12x16-1", 12, 16, 1.0)


def demo_latent(width_px: int, height_px: int, *, family: str = "", value: float = 0.0) -> bytes:
    """A latent file of the demo model's format, or of another family, all of whose numbers are `value`."""
    samples = np.full(FORMAT.shape(width_px, height_px), value, np.float32)
    latent_format = LatentFormat(family, 12, 16, 1.0) if family else FORMAT
    return encode_latent(Latent(samples, latent_format), width_px, height_px)
