"""Pictures from the parts of a diffusers pipeline: Stable Diffusion and Stable Diffusion XL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from atelier_diffusion.engine.results import Latent, Pixels
from atelier_diffusion.policy.request import DrawingRequest, ImageRequest
from atelier_diffusion.torch_backend.autoencoder import overflowed
from atelier_diffusion.torch_backend.denoising_schedule import DenoisingSchedule
from atelier_diffusion.torch_backend.latent_loop import (
    NO_CONDITIONING,
    Conditioning,
    LatentLoop,
    LatentState,
    Redrawn,
    joined,
    only,
)


class DiffusersLoop(LatentLoop):
    """Draws pictures with one loaded pipeline. Implements `DenoisingLoop[LatentState]`."""

    @torch.inference_mode()
    def prepare(self, request: ImageRequest) -> list[LatentState]:
        return self._device.guarded(lambda: self._prepare(request))

    @torch.inference_mode()
    def decode(self, state: LatentState) -> Pixels:
        return only(self._finished(state.exported))

    @torch.inference_mode()
    def latent(self, state: LatentState) -> Latent:
        latents = state.exported
        if not bool(torch.isfinite(latents).all()):
            raise overflowed()
        return self._autoencoder.to_stored(latents)

    def _prepare(self, request: ImageRequest) -> list[LatentState]:
        conditioning = self._encode(request) if request.drawn_steps else NO_CONDITIONING
        initial = self._initial(request)
        mask = None if request.mask is None or initial is None else self._mask(request.mask, initial)
        return [
            self._begin(request, k, seed, conditioning, initial, mask) for k, seed in enumerate(request.seeds)
        ]  # fmt: skip

    def _initial(self, request: ImageRequest) -> torch.Tensor | None:
        """The latents that the request begins with: (1, channels, height, width); None where it has none."""
        if request.init_picture is not None:
            return self._autoencoder.encode(request.init_picture)
        if request.init_latent is not None:
            return self._autoencoder.from_stored(request.init_latent, request.width_px, request.height_px)
        return None

    def _begin(
        self,
        request: ImageRequest,
        index: int,
        seed: int,
        conditioning: Conditioning,
        initial: torch.Tensor | None,
        mask: torch.Tensor | None,
    ) -> LatentState:
        """The state of one picture before its first step."""
        if initial is None and request.add_noise and request.drawn_steps:
            return self._start(request, index, seed, 1, conditioning)
        schedule = DenoisingSchedule(request, self._schedulers, seed)
        generator, drawn = self._noise(request, seed, 1)
        original = torch.zeros_like(drawn) if initial is None else initial
        noise = drawn if request.add_noise and request.drawn_steps else None
        state = LatentState(index, seed, schedule.noised(original, noise), conditioning, schedule, generator)
        if mask is not None:
            state.redrawn = Redrawn(mask, original, noise)
        return state

    def _mask(self, mask: NDArray[np.uint8], latents: torch.Tensor) -> torch.Tensor:
        """A mask of pixels as one of latents: a cell is redrawn as far as its most redrawn pixel."""
        pixels = torch.tensor(np.ascontiguousarray(mask)).to(latents.device).float()[None, None] / 255
        height, width = latents.shape[-2:]
        return functional.adaptive_max_pool2d(pixels, (height, width))

    def _predict(self, samples: torch.Tensor, timesteps: torch.Tensor, states: Sequence[LatentState]) -> torch.Tensor:
        prediction: torch.Tensor = self._pipe.unet(
            samples.squeeze(1),
            timesteps,
            encoder_hidden_states=joined([state.conditioning.embeddings for state in states]),
            added_cond_kwargs={
                name: joined([state.conditioning.added[name] for state in states])
                for name in states[0].conditioning.added
            }
            or None,
            return_dict=False,
        )[0]
        return prediction.unsqueeze(1)

    def _added_conditions(self, request: DrawingRequest, encoded: Any) -> dict[str, torch.Tensor]:
        """SDXL's: the pooled embeddings, and the size as it was trained with."""
        if not hasattr(self._pipe, "text_encoder_2"):
            return {}
        pooled = torch.cat([encoded[3], encoded[2]]) if request.is_guided else encoded[2]
        size = (request.height_px, request.width_px)
        projection = self._pipe.text_encoder_2.config.projection_dim
        times = self._pipe._get_add_time_ids(
            size, (0, 0), size, dtype=self._dtype, text_encoder_projection_dim=projection
        )
        return {
            "text_embeds": pooled,
            "time_ids": times.to(self._device.torch_device).repeat(pooled.shape[0], 1),
        }
