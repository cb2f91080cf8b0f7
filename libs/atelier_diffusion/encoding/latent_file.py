"""Latent files, written and read: see `latent_header` for what they hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atelier_diffusion.encoding.latent_header import HEAD_BYTES, LatentFileError, LatentHeader, read_latent_header
from atelier_diffusion.engine.results import Latent

_NUMBERS = np.dtype("<f4")


def encode_latent(latent: Latent, width_px: int, height_px: int) -> bytes:
    """Encodes the latent of one picture as a safetensors file. Equal input returns equal bytes.

    The file is written here and not by the safetensors library, which writes metadata in any order.

    Args:
        latent: The latent and its format.
        width_px: Width of the picture.
        height_px: Height of the picture.
    """
    batch, channels, height, width = latent.samples.shape
    shape = (batch, channels, height, width)
    header = LatentHeader(latent.format.family, latent.format.scale, width_px, height_px, shape)
    return header.to_bytes() + latent.samples.astype(_NUMBERS, copy=False).tobytes()


def read_latent(data: bytes) -> tuple[NDArray[np.float32], LatentHeader]:
    """Decodes a latent file.

    Returns:
        The tensor: (1, channels, height, width), float32, finite; and the header.

    Raises:
        LatentFileError: It is no latent file, is damaged, or has numbers that are not finite.
    """
    header = read_latent_header(data[:HEAD_BYTES], len(data))
    numbers = np.frombuffer(data, _NUMBERS, offset=8 + int.from_bytes(data[:8], "little"))
    samples = numbers.astype(np.float32).reshape(header.shape)
    if not np.isfinite(samples).all():
        raise LatentFileError("it has numbers that are not finite")
    return samples, header
