"""`comfy.sample`: noise of latents. Sampling itself is a job of the mesh."""

from typing import Any

import torch
from torch import Tensor

from atelier_nodes.packs.model_internals import placeholder

sample = placeholder("comfy.sample.sample")
sample_custom = placeholder("comfy.sample.sample_custom")
prepare_sampling = placeholder("comfy.sample.prepare_sampling")
cleanup_additional_models = placeholder("comfy.sample.cleanup_additional_models")


def prepare_noise(latent_image: Tensor, seed: int, noise_inds: Any = None) -> Tensor:
    """Returns the noise of a seed, drawn on the CPU.

    Args:
        latent_image: A batch of latents, whose shape and type the noise has.
        seed: Of 64 bits.
        noise_inds: For each element the number of its noise in the sequence of the seed; equal numbers get equal
            noise. Without it the batch is drawn at once.
    """
    generator = torch.manual_seed(seed)
    shape, dtype = latent_image.shape, latent_image.dtype
    if noise_inds is None:
        return _noise(tuple(shape), dtype, generator)
    wanted = [int(index) for index in noise_inds]
    drawn = [_noise((1, *shape[1:]), dtype, generator) for _ in range(max(wanted) + 1)]
    return torch.cat([drawn[index] for index in wanted])


def fix_empty_latent_channels(model: Any, latent_image: Tensor, *_: Any) -> Tensor:
    """Returns the latents as they are: the mesh makes empty latents of its models' shapes."""
    return latent_image


def _noise(shape: tuple[int, ...], dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, dtype=dtype, layout=torch.strided, generator=generator, device="cpu")
