"""Loads the parts of a pipeline that hold weights one by one, so that what is wrong with a part is said of it."""

from __future__ import annotations

import re
from typing import Any

import diffusers
import torch
import transformers

from atelier_diffusion.policy.errors import ModelLoadError
from atelier_diffusion.weights.model_folder import ModelFolder

_LIBRARIES: dict[str, Any] = {"diffusers": diffusers, "transformers": transformers}
_SHAPES = re.compile(r"because (\S+) expected shape torch\.Size\((\[.*?\])\), but got torch\.Size\((\[.*?\])\)")


def load_parts(folder: ModelFolder, dtype: torch.dtype) -> dict[str, Any]:
    """The parts with weights of a folder, by name, in that precision.

    Those whose class is of neither library (a pipeline's own) are left out: the pipeline loads them.

    Raises:
        ModelLoadError: MODEL_LOAD_FAILED. The libraries themselves give random numbers to tensors that are missing.
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
        part, told = part_class.from_pretrained(
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
    for tensor, stored, expected in sorted(told.get("mismatched_keys") or ()):
        raise ModelLoadError(
            "MODEL_LOAD_FAILED", f"{name} cannot be loaded: {_misfit(tensor, list(expected), list(stored))}"
        )
    missing = sorted(told["missing_keys"])
    if missing:
        others = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise ModelLoadError("MODEL_LOAD_FAILED", f"{name} lacks the tensor {missing[0]}{others}: files are incomplete")
    return part


def _cause(error: Exception) -> str:
    """In a sentence that holds no path."""
    shapes = _SHAPES.search(str(error))
    if shapes:
        return _misfit(*shapes.groups())
    if isinstance(error, ImportError):
        return f"it needs a Python package that is not installed ({error.name or type(error).__name__})"
    return f"its files do not fit together ({type(error).__name__}; the worker's log says more)"


def _misfit(tensor: str, expected: object, stored: object) -> str:
    return f"the tensor {tensor} has the shape {stored}, its configuration says {expected}"
