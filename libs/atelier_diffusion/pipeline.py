"""The denoising loop over a diffusers pipeline (Stable Diffusion and Stable Diffusion XL).

The pipeline's own parts do the work: `encode_prompt`, the UNet, the VAE, the image processor. Latents are kept in
float32 whatever the model's precision: the first sigmas of a zero-terminal-SNR schedule do not fit in bfloat16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from atelier_diffusion.denoise import Pixels
from atelier_diffusion.device import Device
from atelier_diffusion.errors import EngineError
from atelier_diffusion.model_card import PreviewMethod
from atelier_diffusion.request import ImageRequest
from atelier_diffusion.scheduler import new_scheduler, predicted_original

PREVIEW_SIDE_PX = 128


@dataclass(frozen=True, slots=True)
class Conditioning:
    """The encoded prompt; the pictures of a request share it.

    `embeddings` is (rows, tokens, channels): the prompt alone, or the negative prompt and then the prompt when
    there is guidance. `added` holds what SDXL's UNet takes besides, with as many rows.
    """

    embeddings: torch.Tensor
    added: dict[str, torch.Tensor]
    guidance_scale: float

    @property
    def rows(self) -> int:
        return len(self.embeddings)


@dataclass(slots=True)
class LatentState:
    """A picture on its way: float32 latents (1, C, H, W), and everything that belongs to it alone."""

    index: int
    seed: int
    steps: int
    latents: torch.Tensor
    conditioning: Conditioning
    scheduler: Any
    generator: torch.Generator
    step: int = 0
    original: torch.Tensor | None = field(default=None)


class DiffusersLoop:
    """Draws with one loaded pipeline. Implements `denoise.DenoisingLoop[LatentState]`."""

    def __init__(self, pipe: Any, device: Device, preview: PreviewMethod = "decode") -> None:
        self._pipe = pipe
        self._device = device
        self._preview = preview
        self._is_xl = hasattr(pipe, "text_encoder_2")
        self._dtype: torch.dtype = pipe.unet.dtype
        self._scheduler_config = dict(pipe.scheduler.config)
        parts = [pipe.unet, pipe.vae, pipe.text_encoder] + ([pipe.text_encoder_2] if self._is_xl else [])
        self._memory_bytes: int = sum(
            tensor.numel() * tensor.element_size()
            for part in parts
            if part is not None
            for tensor in (*part.parameters(), *part.buffers())
        )

    @property
    def memory_bytes(self) -> int:
        return self._memory_bytes

    def close(self) -> None:
        self._pipe = None
        self._device.release()

    @torch.inference_mode()
    def prepare(self, request: ImageRequest) -> list[LatentState]:
        return self._device.guarded(lambda: self._prepare(request))

    @torch.inference_mode()
    def step(self, states: Sequence[LatentState]) -> None:
        self._device.guarded(lambda: self._step(states))

    @torch.inference_mode()
    def decode(self, state: LatentState) -> Pixels:
        if not bool(torch.isfinite(state.latents).all()):
            raise EngineError("NUMERICAL_FAILURE", "the numbers overflowed; another scheduler or precision may help")
        return self._device.guarded(lambda: self._decode(state.latents))

    @torch.inference_mode()
    def preview(self, state: LatentState) -> Pixels:
        original = state.original
        if original is None:
            raise ValueError("there is nothing to show before the first step")
        return self._device.guarded(lambda: self._small(original))

    def _prepare(self, request: ImageRequest) -> list[LatentState]:
        conditioning = self._encode(request)
        return [self._start(request, k, seed, conditioning) for k, seed in enumerate(request.seeds)]

    def _small(self, original: torch.Tensor) -> Pixels:
        if self._preview == "pixel_shuffle":
            return _to_pixels(functional.pixel_shuffle(original, 2))
        height, width = original.shape[-2:]
        shrink = max(1.0, max(height, width) * self._pipe.vae_scale_factor / PREVIEW_SIDE_PX)
        size = (max(1, int(height / shrink)), max(1, int(width / shrink)))
        return self._decode(functional.interpolate(original, size=size, mode="area"))

    def _encode(self, request: ImageRequest) -> Conditioning:
        guided = request.guidance_scale > 1.0
        # None, not "": SDXL gives an absent negative prompt zeros where its configuration says so.
        negative = request.negative_prompt or None
        encoded = self._pipe.encode_prompt(
            prompt=request.prompt,
            negative_prompt=negative,
            device=self._device.torch_device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=guided,
        )
        prompt_first = encoded[:2][:: -1 if guided else 1]
        embeddings = torch.cat(prompt_first) if guided else encoded[0]
        added: dict[str, torch.Tensor] = {}
        if self._is_xl:
            pooled = torch.cat([encoded[3], encoded[2]]) if guided else encoded[2]
            size = (request.height_px, request.width_px)
            projection = self._pipe.text_encoder_2.config.projection_dim
            times = self._pipe._get_add_time_ids(
                size, (0, 0), size, dtype=self._dtype, text_encoder_projection_dim=projection
            )
            added = {
                "text_embeds": pooled,
                "time_ids": times.to(self._device.torch_device).repeat(pooled.shape[0], 1),
            }
        return Conditioning(embeddings, added, request.guidance_scale)

    def _start(self, request: ImageRequest, index: int, seed: int, conditioning: Conditioning) -> LatentState:
        # On the CPU, so that a seed means the same picture on every device.
        generator = torch.Generator("cpu").manual_seed(seed)
        scheduler = new_scheduler(request.scheduler, self._scheduler_config, request.steps)
        factor = self._pipe.vae_scale_factor
        shape = (1, self._pipe.unet.config.in_channels, request.height_px // factor, request.width_px // factor)
        noise = torch.randn(shape, generator=generator, dtype=torch.float32)
        latents = noise.to(self._device.torch_device) * scheduler.init_noise_sigma
        return LatentState(index, seed, len(scheduler.timesteps), latents, conditioning, scheduler, generator)

    def _step(self, states: Sequence[LatentState]) -> None:
        samples, timesteps = [], []
        for state in states:
            timestep = state.scheduler.timesteps[state.step]
            sample = state.scheduler.scale_model_input(state.latents, timestep)
            rows = state.conditioning.rows
            samples.append(sample.expand(rows, -1, -1, -1))
            timesteps.append(timestep.float().expand(rows))
        predictions = self._pipe.unet(
            torch.cat(samples).to(self._dtype),
            torch.cat(timesteps).to(self._device.torch_device, non_blocking=True),
            encoder_hidden_states=_joined([state.conditioning.embeddings for state in states]),
            added_cond_kwargs={
                name: _joined([state.conditioning.added[name] for state in states])
                for name in states[0].conditioning.added
            }
            or None,
            return_dict=False,
        )[0].float()
        row = 0
        for state in states:
            rows = state.conditioning.rows
            self._advance(state, predictions[row : row + rows])
            row += rows

    def _advance(self, state: LatentState, predicted: torch.Tensor) -> None:
        """Takes one picture on by one step; `predicted` has its one or two rows (negative first)."""
        if state.conditioning.rows == 2:
            negative, positive = predicted.chunk(2)
            predicted = negative + state.conditioning.guidance_scale * (positive - negative)
        output = state.scheduler.step(
            predicted, state.scheduler.timesteps[state.step], state.latents, generator=state.generator
        )
        state.latents = output.prev_sample
        state.original = predicted_original(state.scheduler, output)
        state.step += 1

    def _decode(self, latents: torch.Tensor) -> Pixels:
        vae = self._pipe.vae
        mean, deviation = vae.config.get("latents_mean"), vae.config.get("latents_std")
        if mean is not None and deviation is not None:
            shape = (1, -1, 1, 1)
            spread = latents.new_tensor(deviation).view(shape) / vae.config.scaling_factor
            latents = latents * spread + latents.new_tensor(mean).view(shape)
        else:
            latents = latents / vae.config.scaling_factor
        return _to_pixels(vae.decode(latents.to(vae.dtype), return_dict=False)[0])


def _joined(tensors: list[torch.Tensor]) -> torch.Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors)


def _to_pixels(image: torch.Tensor) -> Pixels:
    """(1, 3, H, W) in [-1, 1] → (H, W, 3) uint8."""
    scaled = (image[0].float() / 2 + 0.5).clamp(0, 1).permute(1, 2, 0).mul(255).round()
    pixels: Pixels = scaled.to(torch.uint8).cpu().numpy()
    return np.ascontiguousarray(pixels)
