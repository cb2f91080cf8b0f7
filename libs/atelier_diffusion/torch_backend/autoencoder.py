"""The autoencoder of a latent model: pixels to latents and back, in the scale of the network's latents."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from atelier_diffusion.engine.results import Frames, Latent, Pixels
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.latent_format import LatentFormat


class Autoencoder:
    """The autoencoder of a pipeline. Not thread-safe."""

    def __init__(self, vae: Any) -> None:
        self._vae = vae
        self._format = LatentFormat.read(vae.config)

    def encode(self, pixels: Pixels) -> torch.Tensor:
        """Encodes a picture.

        The encoder describes a distribution of latents: its most likely one is taken, so that equal pictures have equal
        latents, whatever the seed.

        Args:
            pixels: (height, width, 3), uint8, sRGB.

        Returns:
            (1, channels, height, width), float32, scaled for the network.

        Raises:
            EngineError: NUMERICAL_FAILURE.
        """
        image = torch.tensor(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]  # a copy: arrays may be read-only
        image = image.to(device=self._vae.device, dtype=self._vae.dtype) / 127.5 - 1
        latents: torch.Tensor = self._vae.encode(image).latent_dist.mode().float()
        if not bool(torch.isfinite(latents).all()):
            raise overflowed()
        return self._scaled(latents)

    def decode(self, latents: torch.Tensor) -> Frames:
        """Decodes latents (frames, channels, height, width).

        Raises:
            EngineError: NUMERICAL_FAILURE.
        """
        decoded = self._vae.decode(self._unscaled(latents).to(self._vae.dtype), return_dict=False)[0]
        if not bool(torch.isfinite(decoded).all()):
            raise overflowed()
        return to_frames(decoded)

    def from_stored(self, samples: np.typing.NDArray[np.float32], width_px: int, height_px: int) -> torch.Tensor:
        """Reads a stored latent (see `Latent`), scaled for the network.

        Args:
            samples: The latent.
            width_px: The width that it must have as a picture.
            height_px: The height that it must have.

        Raises:
            EngineError: INVALID_REQUEST, it is of another model family or size.
        """
        expected = self._known().shape(width_px, height_px)
        if samples.shape != expected:
            raise EngineError(
                "INVALID_REQUEST", f"the latent has the shape {samples.shape}, the model's has {expected} at this size"
            )
        if not np.isfinite(samples).all():
            raise EngineError("INVALID_REQUEST", "the latent has numbers that are not finite")
        return self._scaled(torch.from_numpy(np.array(samples, np.float32)).to(self._vae.device))

    def to_stored(self, latents: torch.Tensor) -> Latent:
        """Latents of one picture as they are stored.

        Raises:
            EngineError: INVALID_REQUEST, the model's latents have no known format.
        """
        return Latent(self._unscaled(latents).float().cpu().contiguous().numpy(), self._known())

    def _known(self) -> LatentFormat:
        if self._format is None:
            raise EngineError("INVALID_REQUEST", "the format of the model's latents is not known here")
        return self._format

    def _scaled(self, latents: torch.Tensor) -> torch.Tensor:
        config = self._vae.config
        mean, deviation = config.get("latents_mean"), config.get("latents_std")
        if mean is None or deviation is None:
            scaled: torch.Tensor = latents * config.scaling_factor
            return scaled
        spread = _channels(latents, deviation) / float(config.scaling_factor)
        return (latents - _channels(latents, mean)) / spread

    def _unscaled(self, latents: torch.Tensor) -> torch.Tensor:
        config = self._vae.config
        mean, deviation = config.get("latents_mean"), config.get("latents_std")
        if mean is None or deviation is None:
            unscaled: torch.Tensor = latents / config.scaling_factor
            return unscaled
        spread = _channels(latents, deviation) / float(config.scaling_factor)
        return latents * spread + _channels(latents, mean)


def overflowed() -> EngineError:
    """The error for values that are not finite, which would be decoded as black frames."""
    return EngineError("NUMERICAL_FAILURE", "the numbers overflowed; another scheduler or precision may help")


def to_frames(images: torch.Tensor) -> Frames:
    """(N, 3, H, W) in [-1, 1] → (N, H, W, 3) uint8."""
    scaled = (images.float() / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).mul(255).round()
    frames: Frames = scaled.to(torch.uint8).cpu().numpy()
    return np.ascontiguousarray(frames)


def _channels(latents: torch.Tensor, values: list[float]) -> torch.Tensor:
    """One value for each channel, to be combined with latents."""
    return latents.new_tensor(values).view(1, -1, 1, 1)
