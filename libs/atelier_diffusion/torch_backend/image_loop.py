"""Pictures from the parts of a diffusers pipeline: Stable Diffusion and Stable Diffusion XL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from atelier_diffusion.engine.results import Pixels
from atelier_diffusion.policy.request import DrawingRequest, ImageRequest
from atelier_diffusion.torch_backend.latent_loop import LatentLoop, LatentState, joined, only


class DiffusersLoop(LatentLoop):
    """Draws pictures with one loaded pipeline. Implements `DenoisingLoop[LatentState]`."""

    @torch.inference_mode()
    def prepare(self, request: ImageRequest) -> list[LatentState]:
        return self._device.guarded(lambda: self._prepare(request))

    @torch.inference_mode()
    def decode(self, state: LatentState) -> Pixels:
        return only(self._finished(state.latents))

    def _prepare(self, request: ImageRequest) -> list[LatentState]:
        conditioning = self._encode(request)
        return [self._start(request, k, seed, 1, conditioning) for k, seed in enumerate(request.seeds)]

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
