"""Latent nodes: batches, sizes and masks; here, and on the mesh without a tensor."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from atelier_nodes.builtin.latents import (
    EmptyLatentImage,
    LatentFromBatch,
    LatentUpscale,
    LatentUpscaleBy,
    RebatchLatents,
    RepeatLatentBatch,
    SetLatentNoiseMask,
)
from atelier_nodes.builtin.mesh_latent import DrawnLatent, MeshLatent
from atelier_nodes.builtin.resampling import LATENT_METHODS, resample


def numbered(count: int = 4, height: int = 6, width: int = 8) -> dict[str, Any]:
    return {"samples": torch.arange(count, dtype=torch.float32).reshape(-1, 1, 1, 1).repeat(1, 4, height, width)}


def drawn(count: int = 3) -> MeshLatent:
    return MeshLatent([DrawnLatent("shapes", 64, 64, f"latent-{number}") for number in range(count)])


def numbers(latent: dict[str, Any]) -> list[int]:
    return [int(value) for value in latent["samples"][:, 0, 0, 0]]


def test_an_empty_latent_is_zeros_of_an_eighth() -> None:
    (latent,) = EmptyLatentImage().generate(512, 256, 2)
    assert latent["samples"].shape == (2, 4, 32, 64)
    assert not latent["samples"].any()


@pytest.mark.parametrize("method", LATENT_METHODS)
async def test_latents_are_scaled(method: str) -> None:
    (scaled,) = await LatentUpscale().upscale(numbered(), method, 128, 96, "disabled")
    assert scaled["samples"].shape == (4, 4, 12, 16)
    assert torch.allclose(scaled["samples"][2], torch.tensor(2.0), atol=1e-5)


async def test_a_side_of_zero_follows_from_the_other() -> None:
    latent = numbered(1, 16, 32)
    (wide,) = await LatentUpscale().upscale(latent, "bilinear", 0, 256, "disabled")
    assert wide["samples"].shape[-2:] == (32, 64)
    (high,) = await LatentUpscale().upscale(latent, "bilinear", 512, 0, "disabled")
    assert high["samples"].shape[-2:] == (32, 64)
    assert await LatentUpscale().upscale(latent, "bilinear", 0, 0, "disabled") == (latent,)


async def test_scaling_by_a_factor_leaves_the_given_latent_as_it_was() -> None:
    latent = numbered()
    (scaled,) = await LatentUpscaleBy().upscale(latent, "nearest-exact", 1.5)
    assert scaled["samples"].shape[-2:] == (9, 12)
    assert latent["samples"].shape[-2:] == (6, 8)


def test_spherical_scaling_keeps_the_length_of_vectors() -> None:
    samples = torch.nn.functional.normalize(torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1)), dim=1)
    lengths = resample(samples, 16, 16, "bislerp").norm(dim=1)
    assert torch.allclose(lengths, torch.ones_like(lengths), atol=0.05)
    assert resample(samples, 16, 16, "bilinear").norm(dim=1).min() < 0.8


def test_a_part_of_a_batch_remembers_its_noise() -> None:
    (part,) = LatentFromBatch().frombatch(numbered(), 1, 2)
    assert numbers(part) == part["batch_index"] == [1, 2]
    (last,) = LatentFromBatch().frombatch(part, 9, 5)
    assert numbers(last) == last["batch_index"] == [2]


def test_repetitions_count_their_noise_on() -> None:
    (part,) = LatentFromBatch().frombatch(numbered(), 1, 2)
    (repeated,) = RepeatLatentBatch().repeat(part, 2)
    assert numbers(repeated) == [1, 2, 1, 2]
    assert repeated["batch_index"] == [1, 2, 3, 4]


def test_masks_go_with_their_latents() -> None:
    masks = torch.stack([torch.zeros(8, 8), torch.ones(8, 8)])
    (latent,) = SetLatentNoiseMask().set_mask(numbered(), masks)
    (part,) = LatentFromBatch().frombatch(latent, 1, 2)
    assert part["noise_mask"][:, 0, 0, 0].tolist() == [1, 0]
    (repeated,) = RepeatLatentBatch().repeat(part, 2)
    assert repeated["noise_mask"][:, 0, 0, 0].tolist() == [1, 0, 1, 0]


def test_what_is_on_the_mesh_stays_there() -> None:
    (part,) = LatentFromBatch().frombatch(drawn(), 1, 1)
    (repeated,) = RepeatLatentBatch().repeat(part, 2)
    (masked,) = SetLatentNoiseMask().set_mask(repeated, torch.ones(64, 64))
    assert isinstance(masked, MeshLatent)
    assert [source.latent for source in masked.sources if isinstance(source, DrawnLatent)] == ["latent-1"] * 2
    assert masked["noise_mask"].shape == (1, 1, 64, 64)


def test_latents_are_batched_anew_by_shape() -> None:
    (batches,) = RebatchLatents().rebatch([numbered(3), numbered(1, 9, 9), numbered(2, 9, 9)], [2])
    assert [numbers(batch) for batch in batches] == [[0, 1], [2], [0, 0], [1]]
    assert [batch["batch_index"] for batch in batches] == [[0, 1], [2], [0, 0], [1]]


def test_latents_of_the_mesh_are_batched_anew_without_a_tensor() -> None:
    (batches,) = RebatchLatents().rebatch([drawn(3), drawn(2)], [4])
    assert [len(batch.sources) for batch in batches if isinstance(batch, MeshLatent)] == [4, 1]
