"""Latents for the tests: of the family of `CARD`."""

from dataclasses import replace

import numpy as np

from atelier_diffusion.encoding.latent_file import encode_latent
from atelier_diffusion.encoding.latent_header import LatentHeader
from atelier_diffusion.engine.results import Latent
from atelier_diffusion.policy.latent_format import LatentFormat
from tests.unit.models.cards import DEMO

FORMAT = LatentFormat("kl-12x16-1", 12, 16, 1.0)
CARD = replace(DEMO, latents=FORMAT)
LATENT = Latent(np.full(FORMAT.shape(256, 128), 0.5, np.float32), FORMAT)
FILE = encode_latent(LATENT, 256, 128)
HEADER = LatentHeader("kl-12x16-1", 1.0, 256, 128, (1, 12, 8, 16))
