"""Graphs in API format, as ComfyUI's editor exports them."""

from __future__ import annotations

from typing import Any

Graph = dict[str, dict[str, Any]]


def default_graph(model: str, prompt: str, *, seed: int = 8, size: int = 256, **sampler: Any) -> Graph:
    """The graph that ComfyUI opens with: one checkpoint, two texts, one sampler, one picture saved."""
    return {
        "3": {
            "class_type": "KSampler",
            "inputs": {
                "seed": seed,
                "steps": 4,
                "cfg": 7.5,
                "sampler_name": "euler",
                "scheduler": "normal",
                "denoise": 1,
                "model": ["4", 0],
                "positive": ["6", 0],
                "negative": ["7", 0],
                "latent_image": ["5", 0],
                **sampler,
            },
        },
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": model}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": size, "height": size, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": prompt, "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
    }


def second_pass(graph: Graph, prompt: str, *, scale_by: float, denoise: float) -> Graph:
    """The graph with a second sampler, 12, that goes on from the latent of the first, scaled, with another text."""
    first = graph["3"]["inputs"]
    return {
        **graph,
        "10": {
            "class_type": "LatentUpscaleBy",
            "inputs": {"samples": ["3", 0], "upscale_method": "nearest-exact", "scale_by": scale_by},
        },
        "11": {"class_type": "CLIPTextEncode", "inputs": {"text": prompt, "clip": ["4", 1]}},
        "12": {
            "class_type": "KSampler",
            "inputs": {**first, "positive": ["11", 0], "latent_image": ["10", 0], "denoise": denoise},
        },
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["12", 0], "vae": ["4", 2]}},
    }


def image_to_image(graph: Graph, picture: str, *, denoise: float, mask: str = "") -> Graph:
    """The graph with a picture of the input folder instead of an empty latent, and a mask from another one's red."""
    sampler = {**graph["3"]["inputs"], "denoise": denoise, "latent_image": ["21", 0]}
    begun: Graph = {
        **graph,
        "3": {"class_type": "KSampler", "inputs": sampler},
        "20": {"class_type": "LoadImage", "inputs": {"image": picture}},
        "21": {"class_type": "VAEEncode", "inputs": {"pixels": ["20", 0], "vae": ["4", 2]}},
    }
    del begun["5"]
    if mask:
        begun["22"] = {"class_type": "LoadImageMask", "inputs": {"image": mask, "channel": "red"}}
        begun["23"] = {"class_type": "SetLatentNoiseMask", "inputs": {"samples": ["21", 0], "mask": ["22", 0]}}
        sampler["latent_image"] = ["23", 0]
    return begun


def in_two_parts(graph: Graph, at: int) -> Graph:
    """The graph with its sampler replaced by two, 3 and 13, of one schedule: the second goes on at a step."""
    settings = dict(graph["3"]["inputs"])
    del settings["denoise"]
    settings["noise_seed"] = settings.pop("seed")
    first = {"add_noise": "enable", "start_at_step": 0, "end_at_step": at, "return_with_leftover_noise": "enable"}
    second = {
        "add_noise": "disable",
        "start_at_step": at,
        "end_at_step": 10_000,
        "return_with_leftover_noise": "disable",
        "latent_image": ["3", 0],
    }
    return {
        **graph,
        "3": {"class_type": "KSamplerAdvanced", "inputs": settings | first},
        "13": {"class_type": "KSamplerAdvanced", "inputs": settings | second},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["13", 0], "vae": ["4", 2]}},
    }
