"""The latent denoising loop over the parts of a diffusers pipeline, which pictures and clips have in common.

The pipeline's own parts do the work: `encode_prompt`, the UNet, the VAE. Latents are float32 whatever the model's
precision: the first sigmas of a zero-terminal-SNR schedule do not fit in bfloat16.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from atelier_diffusion.engine.results import Frames, Pixels
from atelier_diffusion.policy.model_card import PreviewMethod
from atelier_diffusion.policy.prompt_tokens import PromptTokens, count_tokens
from atelier_diffusion.policy.request import DrawingRequest
from atelier_diffusion.torch_backend.autoencoder import Autoencoder, overflowed, to_frames
from atelier_diffusion.torch_backend.denoising_schedule import DenoisingSchedule
from atelier_diffusion.torch_backend.device import Device
from atelier_diffusion.torch_backend.noise_schedulers import SchedulerTemplates

PREVIEW_SIDE_PX = 128


@dataclass(frozen=True, slots=True)
class Conditioning:
    """The encoded prompt; the pictures of a request share it.

    Attributes:
        embeddings: (rows, tokens, channels), in the model's precision. One row without guidance; with guidance the
            negative prompt's and the prompt's.
        added: Additional inputs of SDXL's UNet, with as many rows.
        guidance_scale: Weight of the guidance.
    """

    embeddings: torch.Tensor
    added: dict[str, torch.Tensor]
    guidance_scale: float

    @property
    def rows(self) -> int:
        """Rows of the network's batch: 2 with guidance, else 1."""
        return len(self.embeddings)


NO_CONDITIONING = Conditioning(torch.empty(0), {}, 1.0)
"""Of pictures that are not denoised."""


@dataclass(frozen=True, slots=True)
class Redrawn:
    """The part of a picture that is redrawn, where a mask says so.

    Attributes:
        mask: (1, 1, height, width), float32, of the latents' size: 1 is redrawn, 0 stays.
        original: The latents of what stays.
        noise: The noise that is added to them at each level; None for none.
    """

    mask: torch.Tensor
    original: torch.Tensor
    noise: torch.Tensor | None

    def over(self, latents: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
        """Latents where the mask is 1, and `original` where it is 0."""
        return self.mask * latents + (1 - self.mask) * original


@dataclass(slots=True)
class LatentState:
    """A picture or a clip between its first and its last step. Implements `DenoisingState`.

    Attributes:
        latents: (frames, channels, height, width), float32; a picture has one frame.
        schedule: Its own: it holds a step index.
        generator: Of the noise that stochastic schedulers add.
        original: The finished latents as predicted by the last step; None before the first.
        redrawn: What a mask leaves to be redrawn; None without a mask.
    """

    index: int
    seed: int
    latents: torch.Tensor
    conditioning: Conditioning
    schedule: DenoisingSchedule
    generator: torch.Generator
    original: torch.Tensor | None = None
    redrawn: Redrawn | None = None

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.schedule.steps

    @property
    def step(self) -> int:
        """Steps done."""
        return self.schedule.step

    @property
    def exported(self) -> torch.Tensor:
        """The latents in the form in which models exchange them: x + sigma n where noise is left in them."""
        return self.schedule.exported(self.latents)


class LatentLoop(ABC):
    """Denoises with one loaded pipeline. Implements `Denoiser[LatentState]`."""

    def __init__(self, pipe: Any, device: Device, preview: PreviewMethod = "decode") -> None:
        self._pipe = pipe
        self._device = device
        self._preview = preview
        self._dtype: torch.dtype = pipe.unet.dtype
        self._schedulers = SchedulerTemplates(pipe.scheduler)
        self._memory_bytes = held_bytes(pipe)
        self._autoencoder = Autoencoder(pipe.vae)

    @property
    def memory_bytes(self) -> int:
        return self._memory_bytes

    def close(self) -> None:
        self._pipe = None
        del self._autoencoder
        self._device.release()

    def count_tokens(self, request: DrawingRequest) -> PromptTokens | None:
        return count_tokens(self._pipe, request)

    @torch.inference_mode()
    def step(self, states: Sequence[LatentState]) -> None:
        self._device.guarded(lambda: self._step(states))

    @torch.inference_mode()
    def preview(self, state: LatentState) -> Pixels:
        original = state.original
        if original is None:
            raise ValueError("there is nothing to show before the first step")
        middle = len(original) // 2
        return self._device.guarded(lambda: self._small(original[middle : middle + 1]))

    @abstractmethod
    def _predict(self, samples: torch.Tensor, timesteps: torch.Tensor, states: Sequence[LatentState]) -> torch.Tensor:
        """Runs the network once.

        Args:
            samples: (rows, frames, channels, height, width), in the model's precision; the rows are those of the
                states' conditionings, in their order.
            timesteps: One for each row.
            states: The states that the rows belong to.

        Returns:
            The prediction, of the shape of `samples`.
        """

    def _added_conditions(self, request: DrawingRequest, encoded: Any) -> dict[str, torch.Tensor]:  # noqa: ARG002
        """Inputs of the network besides the prompt's embeddings; `encoded` is what `encode_prompt` returned."""
        return {}

    def _encode(self, request: DrawingRequest) -> Conditioning:
        encoded = self._pipe.encode_prompt(
            prompt=request.prompt,
            # None, not "": SDXL gives an absent negative prompt zeros where its configuration says so.
            negative_prompt=request.negative_prompt or None,
            device=self._device.torch_device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=request.is_guided,
        )
        embeddings = torch.cat([encoded[1], encoded[0]]) if request.is_guided else encoded[0]
        return Conditioning(embeddings, self._added_conditions(request, encoded), request.guidance_scale)

    def _start(
        self, request: DrawingRequest, index: int, seed: int, frames: int, conditioning: Conditioning
    ) -> LatentState:
        schedule = DenoisingSchedule(request, self._schedulers, seed)
        generator, noise = self._noise(request, seed, frames)
        return LatentState(index, seed, schedule.begun_from_noise(noise), conditioning, schedule, generator)

    def _noise(self, request: DrawingRequest, seed: int, frames: int) -> tuple[torch.Generator, torch.Tensor]:
        """Draws noise of the size of the latents: (frames, channels, height, width).

        Returns:
            The generator, for what is drawn later, and the noise.
        """
        # On the CPU, so that a seed means the same on every device. Frames come after channels here, as diffusers'
        # pipelines draw their noise.
        generator = torch.Generator("cpu").manual_seed(seed)
        factor = self._pipe.vae_scale_factor
        shape = (self._pipe.unet.config.in_channels, frames, request.height_px // factor, request.width_px // factor)
        noise = torch.randn(shape, generator=generator, dtype=torch.float32).transpose(0, 1).contiguous()
        return generator, noise.to(self._device.torch_device)

    def _step(self, states: Sequence[LatentState]) -> None:
        samples, timesteps = [], []
        for state in states:
            sample = state.schedule.network_input(state.latents)
            rows = state.conditioning.rows
            samples.append(sample.expand(rows, *sample.shape))
            timesteps.append(state.schedule.timestep.float().expand(rows))
        predictions = self._predict(
            torch.cat(samples).to(self._dtype),
            torch.cat(timesteps).to(self._device.torch_device, non_blocking=True),
            states,
        ).float()
        row = 0
        for state in states:
            rows = state.conditioning.rows
            self._advance(state, predictions[row : row + rows])
            row += rows

    def _advance(self, state: LatentState, predicted: torch.Tensor) -> None:
        """Applies one run of the network to one state; `predicted` has its one or two rows (negative prompt first)."""
        if state.conditioning.rows == 2:
            negative, positive = predicted
            guided = negative + state.conditioning.guidance_scale * (positive - negative)
        else:
            (guided,) = predicted
        latents, original = state.schedule.advance(guided, state.latents, state.generator)
        redrawn = state.redrawn
        if redrawn is not None and not state.schedule.is_between_runs:
            latents = redrawn.over(latents, state.schedule.noised(redrawn.original, redrawn.noise))
            original = redrawn.over(original, redrawn.original)
        state.latents, state.original = latents, original

    def _finished(self, latents: torch.Tensor) -> Frames:
        """Decodes latents (frames, channels, height, width).

        Raises:
            EngineError: NUMERICAL_FAILURE, OUT_OF_MEMORY.
        """
        if not bool(torch.isfinite(latents).all()):
            raise overflowed()
        return self._device.guarded(lambda: self._autoencoder.decode(latents))

    def _small(self, original: torch.Tensor) -> Pixels:
        if self._preview == "pixel_shuffle":
            if not bool(torch.isfinite(original).all()):
                raise overflowed()
            return only(to_frames(functional.pixel_shuffle(original, 2)))
        height, width = original.shape[-2:]
        shrink = max(1.0, max(height, width) * self._pipe.vae_scale_factor / PREVIEW_SIDE_PX)
        size = (max(1, int(height / shrink)), max(1, int(width / shrink)))
        return only(self._autoencoder.decode(functional.interpolate(original, size=size, mode="area")))


def held_bytes(pipe: Any) -> int:
    """Memory that a pipeline's weights take, in bytes."""
    parts = (part for part in pipe.components.values() if isinstance(part, torch.nn.Module))
    return sum(
        tensor.numel() * tensor.element_size() for part in parts for tensor in (*part.parameters(), *part.buffers())
    )


def joined(tensors: list[torch.Tensor]) -> torch.Tensor:
    """Concatenates tensors along their rows; without a copy when there is one."""
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors)


def only(frames: Frames) -> Pixels:
    """The picture of a clip of one frame."""
    (picture,) = frames
    pixels: Pixels = picture
    return pixels
