"""Latent file nodes: latents of the input folder, and latents saved in the output folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from atelier_diffusion.encoding.latent_file import encode_latent, read_latent
from atelier_diffusion.encoding.latent_header import SUFFIX, LatentFileError
from atelier_diffusion.engine.results import Latent
from atelier_diffusion.policy.latent_format import LatentFormat
from atelier_nodes.builtin.declarations import InputTypes, choice, linked, text
from atelier_nodes.builtin.image_files import content_digest
from atelier_nodes.builtin.mesh_latent import SAMPLES, MeshLatent
from atelier_nodes.builtin.node_mesh import NodeMesh
from atelier_nodes.builtin.saved_pictures import entry, write_next
from atelier_nodes.packs.folders import FolderEscapeError, annotated_file, node_folders, save_place

_SUFFIXES = (f".{SUFFIX}", ".latent")
# ComfyUI's own files: this tensor, which their first version has scaled for Stable Diffusion 1.
_COMFY_TENSOR = "latent_tensor"
_COMFY_UNSCALED = "latent_format_version_0"
_COMFY_SCALE = 0.18215
_MAX_FILE_BYTES = 1 << 28


class LoadLatent:
    """Latents of a file in the input folder: one that SaveLatent or a job wrote, or one of ComfyUI."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "load"
    CATEGORY = "latent"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"latent": choice(_input_latents())}}

    @classmethod
    def VALIDATE_INPUTS(cls, latent: str | None) -> bool | str:
        if latent is None:
            return True
        try:
            found = annotated_file(latent).is_file()
        except (FolderEscapeError, ValueError, TypeError):
            found = False
        return found or f"Invalid latent file: {latent}"

    @classmethod
    def IS_CHANGED(cls, latent: str | None, **_: Any) -> str:
        return content_digest(latent)

    def load(self, latent: str) -> tuple[dict[str, Any]]:
        return (_read(annotated_file(latent)),)


class SaveLatent:
    """Saves latents in the output folder, a file each."""

    RETURN_TYPES: tuple[str, ...] = ()
    FUNCTION = "save"
    OUTPUT_NODE = True
    CATEGORY = "latent"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"samples": linked("LATENT"), "filename_prefix": text("latents/ComfyUI")}}

    async def save(self, samples: Mapping[str, Any], filename_prefix: str = "ComfyUI") -> dict[str, Any]:
        if isinstance(samples, MeshLatent):
            await samples.load(NodeMesh.current())
        latent_format: LatentFormat | None = getattr(samples, "format", None)
        if latent_format is None:
            raise ValueError("a latent that no model has made has no format to be saved in")
        place = save_place(filename_prefix, node_folders().output)
        entries: list[dict[str, str]] = []
        for part in torch.split(samples[SAMPLES].detach().cpu().float(), 1):
            height, width = (side * latent_format.cell_px for side in part.shape[2:])
            content = encode_latent(Latent(part.contiguous().numpy(), latent_format), width, height)
            entries.append(entry(write_next(place, SUFFIX, _writer(content)), place, "output"))
            place = replace(place, counter=place.counter + 1)
        return {"ui": {"latents": entries}}


NODES: tuple[type, ...] = (LoadLatent, SaveLatent)


def _writer(content: bytes) -> Any:
    return lambda file: file.write(content)


def _read(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise ValueError(f"the file has more than {_MAX_FILE_BYTES} bytes")
    data = path.read_bytes()
    try:
        samples, header = read_latent(data)
    except LatentFileError as error:
        return {SAMPLES: _comfy_samples(data, error)}
    _, channels, _, width = header.shape
    latent_format = LatentFormat(header.family, channels, header.width_px // width, header.scale)
    return MeshLatent.of_tensor(torch.from_numpy(samples), latent_format)


def _comfy_samples(data: bytes, reason: LatentFileError) -> torch.Tensor:
    try:
        tensors = load_tensors(data)
    except SafetensorError:
        raise ValueError(f"the file is no latent: {reason}") from reason
    if _COMFY_TENSOR not in tensors:
        raise ValueError(f"the file is no latent: {reason}")
    samples = tensors[_COMFY_TENSOR].float()
    return samples if _COMFY_UNSCALED in tensors else samples / _COMFY_SCALE


def _input_latents() -> list[str]:
    folder = node_folders().input
    if not folder.is_dir():
        return []
    return sorted(file.name for file in folder.iterdir() if file.is_file() and file.suffix in _SUFFIXES)
