"""Clips from the parts of a diffusers pipeline in ModelScope's text-to-video architecture.

All frames are denoised together, in one run of the network a step. Its decoder works on single frames, so they are
decoded a few at a time and passed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from atelier_diffusion.engine.clip_model import FrameDecoder
from atelier_diffusion.engine.denoising import OnStep, denoised
from atelier_diffusion.engine.results import Frames
from atelier_diffusion.policy.clip_memory import ClipFacts
from atelier_diffusion.policy.model_card import PreviewMethod
from atelier_diffusion.policy.request import VideoRequest
from atelier_diffusion.torch_backend.device import Device, dtype_name
from atelier_diffusion.torch_backend.latent_loop import LatentLoop, LatentState, joined


class DiffusersClipLoop(LatentLoop):
    """Draws clips with one loaded pipeline. Implements `ClipModel`."""

    def __init__(self, pipe: Any, device: Device, preview: PreviewMethod = "decode") -> None:
        super().__init__(pipe, device, preview)
        self.facts = ClipFacts.read(pipe.unet.config, pipe.vae.config, dtype_name(pipe.unet.dtype))

    def draw(self, request: VideoRequest, on_step: OnStep) -> FrameDecoder:
        (state,) = denoised(self, [self.prepare(request)], on_step)
        self._device.trim()  # only denoising takes more memory for more frames
        return partial(self.decode, state)

    @torch.inference_mode()
    def prepare(self, request: VideoRequest) -> LatentState:
        """Encodes the prompt and draws the noise; no step is done yet."""
        return self._device.guarded(
            lambda: self._start(request, 0, request.seed, request.frames, self._encode(request))
        )  # fmt: skip

    @torch.inference_mode()
    def decode(self, state: LatentState, first_index: int, count: int) -> Frames:
        """Decodes `count` of the finished frames at once, from `first_index` on."""
        return self._finished(state.latents[first_index : first_index + count])

    def _predict(self, samples: torch.Tensor, timesteps: torch.Tensor, states: Sequence[LatentState]) -> torch.Tensor:
        prediction: torch.Tensor = self._pipe.unet(
            samples.transpose(1, 2),
            timesteps,
            encoder_hidden_states=joined([state.conditioning.embeddings for state in states]),
            return_dict=False,
        )[0]
        return prediction.transpose(1, 2)
