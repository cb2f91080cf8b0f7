"""Sampler nodes: KSampler and KSamplerAdvanced, each a call of the image service."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from atelier_graph.context import current_node
from atelier_nodes.builtin.declarations import Declaration, InputTypes, choice, integer, linked, number, seed
from atelier_nodes.builtin.decoded_nodes import DecodedNodes
from atelier_nodes.builtin.latent_assets import batch_size, is_empty, latent_assets
from atelier_nodes.builtin.masks import batched
from atelier_nodes.builtin.mesh_latent import SAMPLES, DrawnLatent, MeshLatent
from atelier_nodes.builtin.mesh_values import Conditioning, ModelValue
from atelier_nodes.builtin.node_mesh import NodeMesh
from atelier_nodes.builtin.pixels import to_bytes
from atelier_nodes.builtin.sampler_names import SAMPLERS, SCHEDULERS, refused_names
from atelier_nodes.builtin.sampling import Beginning, Sampling, job_parameters

# Bounds of the image service. It has no guidance below 1, where the negative text would weigh more than the positive.
MAX_STEPS = 200
MIN_CFG, MAX_CFG = 1.0, 30.0
# What ComfyUI's editor offers for a step; beyond the last step it means the last one.
_MAX_STEP = 10_000
# A latent of no known format has cells of so many pixels.
_CELL_PX = 8

_decoded = DecodedNodes()


class KSampler:
    """Denoises a latent."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "sample"
    CATEGORY = "sampling"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "model": linked("MODEL"),
                "seed": seed(),
                **_settings(),
                "positive": linked("CONDITIONING"),
                "negative": linked("CONDITIONING"),
                "latent_image": linked("LATENT"),
                "denoise": number(1.0, 0.0, 1.0),
            },
            "hidden": {"prompt": "PROMPT"},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, sampler_name: str | None = None, scheduler: str | None = None) -> bool | str:
        return refused_names(sampler_name, scheduler) or True

    async def sample(
        self,
        model: ModelValue,
        seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        positive: Conditioning,
        negative: Conditioning,
        latent_image: Mapping[str, Any],
        denoise: float = 1.0,
        prompt: Mapping[str, Any] | None = None,
    ) -> tuple[Mapping[str, Any]]:
        sampling = Sampling(model, seed, steps, cfg, sampler_name, scheduler, positive, negative, denoise)
        return (await sample(sampling, latent_image, prompt or {}),)


class KSamplerAdvanced:
    """Denoises a latent from one step to another."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "sample"
    CATEGORY = "sampling"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "model": linked("MODEL"),
                "add_noise": choice(("enable", "disable")),
                "noise_seed": seed(),
                **_settings(),
                "positive": linked("CONDITIONING"),
                "negative": linked("CONDITIONING"),
                "latent_image": linked("LATENT"),
                "start_at_step": integer(0, 0, _MAX_STEP),
                "end_at_step": integer(_MAX_STEP, 0, _MAX_STEP),
                "return_with_leftover_noise": choice(("disable", "enable")),
            },
            "hidden": {"prompt": "PROMPT"},
        }

    @classmethod
    def VALIDATE_INPUTS(cls, sampler_name: str | None = None, scheduler: str | None = None) -> bool | str:
        return refused_names(sampler_name, scheduler) or True

    async def sample(
        self,
        model: ModelValue,
        add_noise: str,
        noise_seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        positive: Conditioning,
        negative: Conditioning,
        latent_image: Mapping[str, Any],
        start_at_step: int,
        end_at_step: int,
        return_with_leftover_noise: str,
        prompt: Mapping[str, Any] | None = None,
    ) -> tuple[Mapping[str, Any]]:
        sampling = Sampling(
            model,
            noise_seed,
            steps,
            cfg,
            sampler_name,
            scheduler,
            positive,
            negative,
            start_step=start_at_step,
            end_step=end_at_step,
            add_noise=add_noise == "enable",
            keep_noise=return_with_leftover_noise == "enable",
        )
        return (await sample(sampling, latent_image, prompt or {}),)


NODES: tuple[type, ...] = (KSampler, KSamplerAdvanced)


async def sample(sampling: Sampling, latent: Mapping[str, Any], graph: Mapping[str, Any]) -> Mapping[str, Any]:
    """Samples a LATENT on the mesh.

    Args:
        sampling: The settings.
        latent: What to begin with. A batch is drawn with successive seeds, or those of its `batch_index`.
        graph: The graph in API format, which says whether the result is decoded.

    Returns:
        The LATENT with new `samples`, and its other entries.

    Raises:
        MeshError: A job was refused or failed.
        TypeError: See `Sampling.parameters`.
        ValueError: See `Sampling.parameters`.
    """
    if sampling.does_nothing:
        return latent
    mesh = NodeMesh.current()
    beginnings = await _beginnings(sampling, latent, mesh)
    outputs = ["PICTURE", "LATENT"] if _is_decoded(graph) else ["LATENT"]
    jobs = job_parameters(sampling, beginnings, outputs)
    progress = mesh.progress()
    answers = await mesh.gather([partial(mesh.draw, job, progress) for job in jobs])
    sources: list[DrawnLatent] = []
    for job, answer in zip(jobs, answers, strict=True):
        for index, made in enumerate(answer.latents):
            picture = answer.pictures[index] if answer.pictures else ""
            sources.append(DrawnLatent(job["model"], job["width_px"], job["height_px"], made, picture))
    return MeshLatent(sources, {key: latent[key] for key in latent if key != SAMPLES})


async def _beginnings(sampling: Sampling, latent: Mapping[str, Any], mesh: NodeMesh) -> list[Beginning]:
    size = batch_size(latent)
    offsets = latent.get("batch_index") or list(range(size))
    mask = latent.get("noise_mask")
    if mask is None and sampling.denoise == 1 and sampling.start_step == 0 and sampling.add_noise and is_empty(latent):
        height, width = (side * _CELL_PX for side in latent[SAMPLES].shape[-2:])
        return [Beginning(width, height, offset) for offset in offsets]
    assets = await latent_assets(latent, sampling.model.model, mesh)
    masks = [] if mask is None else await _stored_masks(mask, mesh)
    return [
        Beginning(
            asset.width_px,
            asset.height_px,
            offset,
            (
                (asset.parameter, asset.asset_id),
                *([("mask_asset_id", masks[index % len(masks)])] if masks else []),
            ),
        )
        for index, (asset, offset) in enumerate(zip(assets, offsets, strict=True))
    ]


async def _stored_masks(mask: Tensor, mesh: NodeMesh) -> list[str]:
    planes = torch.as_tensor(batched(mask))
    return await mesh.gather([partial(mesh.store_picture, to_bytes(plane)) for plane in planes])


def _is_decoded(graph: Mapping[str, Any]) -> bool:
    node = current_node()
    return node is not None and _decoded.includes(node.prompt_id, node.node_id, graph)


def _settings() -> dict[str, Declaration]:
    return {
        "steps": integer(20, 1, MAX_STEPS),
        "cfg": number(8.0, MIN_CFG, MAX_CFG, 0.1, round=0.01),
        "sampler_name": choice(SAMPLERS),
        "scheduler": choice(SCHEDULERS),
    }
