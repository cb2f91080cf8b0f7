"""Reads diffusers pipelines from model folders: safetensors only, no remote code, no safety checker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import diffusers
import torch
import transformers
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format
from transformers.utils import logging as transformers_logging

from atelier_diffusion.policy.errors import ModelLoadError
from atelier_diffusion.torch_backend.noise_schedulers import choice_of
from atelier_diffusion.weights.model_folder import ModelFolder

_LIBRARIES: dict[str, Any] = {"diffusers": diffusers, "transformers": transformers}
_SHAPES = re.compile(r"because (\S+) expected shape torch\.Size\((\[.*?\])\), but got torch\.Size\((\[.*?\])\)")


@contextmanager
def quiet() -> Iterator[None]:
    """Silences diffusers and transformers: no progress bars, and no plain-text warnings between our JSON log lines."""
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    verbosity = diffusers_logging.get_verbosity()
    diffusers_logging.set_verbosity_error()
    try:
        yield
    finally:
        diffusers_logging.set_verbosity(verbosity)


def pipeline_class(name: str) -> Any:
    """Looks up a pipeline class of diffusers.

    Args:
        name: The class name, as `model_index.json` holds it.

    Raises:
        ModelLoadError: MODEL_UNSUPPORTED, this version of diffusers has no such pipeline.
    """
    with quiet():
        found = getattr(diffusers, name, None)
    if not (isinstance(found, type) and issubclass(found, DiffusionPipeline)):
        raise ModelLoadError("MODEL_UNSUPPORTED", f"diffusers {diffusers.__version__} has no pipeline {name}")
    return found


def read_pipeline(folder: ModelFolder, dtype: torch.dtype) -> Any:
    """Reads any pipeline of diffusers, to be drawn with by its own call. Pipeline code in a model folder never runs.

    Args:
        folder: A folder that `ModelFolder.check` accepts.
        dtype: The precision of the weights.

    Raises:
        ModelLoadError: A part is incomplete, or the pipeline is unsupported.
    """
    return pipeline_class(folder.pipeline).from_pretrained(folder.path, **_options(folder, dtype))


def read_known_pipeline(folder: ModelFolder, dtype: torch.dtype) -> Any:
    """Reads one of `PIPELINES`, whose network and decoder the engine runs itself; otherwise as `read_pipeline`."""
    pipe = _from_folder(folder, dtype)
    _check_parts(pipe)
    _tune(pipe)
    return pipe


def _options(folder: ModelFolder, dtype: torch.dtype) -> dict[str, Any]:
    """Keyword arguments of `from_pretrained`: the parts loaded here, and how to load the others."""
    parts = load_parts(folder, dtype)
    others = set(folder.weighted_parts) - parts.keys()
    variants = {folder.variant_of(name) for name in others}
    return {
        **parts,
        "dtype": dtype,
        "use_safetensors": True,
        "local_files_only": True,
        "variant": (variants or {""}).pop() or None,
    }


def _from_folder(folder: ModelFolder, dtype: torch.dtype) -> Any:
    options = _options(folder, dtype)
    # Imported where they are used: each import takes seconds.
    if folder.pipeline == "TextToVideoSDPipeline":
        from diffusers.pipelines.deprecated.text_to_video_synthesis.pipeline_text_to_video_synth import (
            TextToVideoSDPipeline,
        )

        return TextToVideoSDPipeline.from_pretrained(folder.path, **options)
    options |= {"feature_extractor": None, "image_encoder": None}
    if folder.pipeline == "StableDiffusionXLPipeline":
        from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline

        return StableDiffusionXLPipeline.from_pretrained(folder.path, add_watermarker=False, **options)
    return StableDiffusionPipeline.from_pretrained(
        folder.path, safety_checker=None, requires_safety_checker=False, **options
    )


def _check_parts(pipe: Any) -> None:
    """Refuses pipelines of a supported class that need more than a prompt, or an unknown scheduler.

    Raises:
        ModelLoadError: MODEL_UNSUPPORTED or MODEL_LOAD_FAILED.
    """
    unet, vae = pipe.unet.config, pipe.vae.config
    widths = [
        encoder.config.hidden_size
        for name in ("text_encoder", "text_encoder_2")
        if (encoder := getattr(pipe, name, None)) is not None
    ]
    if isinstance(unet.cross_attention_dim, int) and unet.cross_attention_dim != sum(widths):
        raise ModelLoadError(
            "MODEL_LOAD_FAILED",
            f"unet reads prompts of {unet.cross_attention_dim} channels, the text encoders write {sum(widths)}:"
            " they are of different models",
        )
    if unet.in_channels != vae.latent_channels:
        raise ModelLoadError("MODEL_UNSUPPORTED", "the model needs more than a prompt (inpainting, editing)")
    if unet.time_cond_proj_dim is not None:
        raise ModelLoadError(
            "MODEL_UNSUPPORTED",
            "the model takes the guidance scale as an input; LCMs fused without it can be drawn with",
        )
    if choice_of(pipe.scheduler).family == "own":
        known = "those of Stable Diffusion, EDM and LCM"
        raise ModelLoadError(
            "MODEL_UNSUPPORTED", f"the model's scheduler is {type(pipe.scheduler).__name__}, which is none of {known}"
        )


def detach_from_files(pipe: Any) -> None:
    """Copies the weights out of the memory-mapped files: a write to a file would change them during a request."""
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            for tensor in (*part.parameters(), *part.buffers()):
                tensor.data = tensor.data.clone()


def _tune(pipe: Any) -> None:
    """Sets what makes the pipeline faster, or correct in half precision, without changing what it computes."""
    pipe.unet.eval()
    pipe.vae.eval()
    if pipe.vae.dtype == torch.float16 and pipe.vae.config.force_upcast:
        pipe.vae.to(torch.float32)  # SDXL's decoder overflows in float16
    # Convolutions are faster so: 6 to 10 % of the demo model's time on a CPU, more on tensor cores.
    # Only those in two dimensions: a network over time has others, which have no such layout.
    convert_conv2d_weight_memory_format(pipe.unet, torch.channels_last)
    convert_conv2d_weight_memory_format(pipe.vae, torch.channels_last)


def load_parts(folder: ModelFolder, dtype: torch.dtype) -> dict[str, Any]:
    """Loads the parts that hold weights one by one, so that an error names the part.

    Returns:
        The parts by name. Parts whose class is in neither library (a pipeline's own) are left out: the pipeline
        loads them.

    Raises:
        ModelLoadError: MODEL_LOAD_FAILED. The libraries themselves initialise missing tensors with random numbers.
    """
    loaded = {}
    for name in folder.weighted_parts:
        library, class_name = folder.index[name]
        part_class = getattr(_LIBRARIES.get(library), class_name, None)
        if hasattr(part_class, "from_pretrained"):
            loaded[name] = _load(folder, name, part_class, dtype)
    return loaded


def _load(folder: ModelFolder, name: str, part_class: Any, dtype: torch.dtype) -> Any:
    try:
        part, report = part_class.from_pretrained(
            folder.path / name,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            variant=folder.variant_of(name) or None,
            output_loading_info=True,
            **({"ignore_mismatched_sizes": True} if issubclass(part_class, transformers.PreTrainedModel) else {}),
        )
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, ImportError, AttributeError) as error:
        if "can't allocate memory" in str(error):
            raise
        raise ModelLoadError("MODEL_LOAD_FAILED", f"{name} cannot be loaded: {_cause(error)}") from error
    for tensor, stored, expected in sorted(report.get("mismatched_keys") or ()):
        raise ModelLoadError(
            "MODEL_LOAD_FAILED", f"{name} cannot be loaded: {_misfit(tensor, list(expected), list(stored))}"
        )
    missing = sorted(report["missing_keys"])
    if missing:
        others = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise ModelLoadError("MODEL_LOAD_FAILED", f"{name} lacks the tensor {missing[0]}{others}: files are incomplete")
    return part


def _cause(error: Exception) -> str:
    """The cause as a sentence that holds no path."""
    shapes = _SHAPES.search(str(error))
    if shapes:
        return _misfit(*shapes.groups())
    if isinstance(error, ImportError):
        return f"it needs a Python package that is not installed ({error.name or type(error).__name__})"
    return f"its files do not fit together ({type(error).__name__}; the worker's log says more)"


def _misfit(tensor: str, expected: object, stored: object) -> str:
    return f"the tensor {tensor} has the shape {stored}, its configuration says {expected}"
