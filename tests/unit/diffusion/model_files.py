"""Writes small folders in diffusers layout, with weights of zeros, without torch."""

import json
import struct
from math import prod
from pathlib import Path

SIZES = {"F32": 4, "F16": 2, "I64": 8}


def write_safetensors(file: Path, tensors: dict[str, tuple[str, list[int]]]) -> None:
    """A safetensors file with tensors name → (dtype, shape)."""
    header, at = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = prod(shape) * SIZES[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(struct.pack("<Q", len(text)) + text + bytes(at))


def write_model(folder: Path, pipeline: str = "StableDiffusionPipeline") -> Path:
    """A folder with three parts of 100, 10 and 1 half-precision numbers; the last has 2 long integers besides."""
    folder.mkdir(parents=True, exist_ok=True)
    index = {
        "_class_name": pipeline,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    write_safetensors(folder / "unet" / "diffusion_pytorch_model.safetensors", {"w": ("F16", [10, 10])})
    write_safetensors(folder / "vae" / "diffusion_pytorch_model.safetensors", {"w": ("F16", [10])})
    ids = {"w": ("F16", [1]), "position_ids": ("I64", [1, 2])}
    write_safetensors(folder / "text_encoder" / "model.safetensors", ids)
    return folder
