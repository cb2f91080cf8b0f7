"""`comfy.utils`: progress bars, batches in another size, tiles, files of weights."""

import zlib
from collections.abc import Callable, Iterator
from typing import Any

from atelier_nodes.packs.model_internals import placeholder
from comfy.batches import (
    bislerp,
    common_upscale,
    lanczos,
    repeat_to_batch_size,
    reshape_mask,
    resize_to_batch_size,
)
from comfy.progress_bar import ProgressBar
from comfy.state_dicts import (
    calculate_parameters,
    convert_sd_to,
    copy_to_param,
    get_attr,
    set_attr,
    set_attr_param,
    state_dict_key_replace,
    state_dict_prefix_replace,
    weight_dtype,
)
from comfy.tiling import get_tiled_scale_steps, tiled_scale, tiled_scale_multidim
from comfy.torch_files import load_torch_file, safetensors_header, save_torch_file

__all__ = [
    "PROGRESS_BAR_ENABLED",
    "PROGRESS_BAR_HOOK",
    "ProgressBar",
    "bislerp",
    "calculate_parameters",
    "common_upscale",
    "convert_sd_to",
    "copy_to_param",
    "deepcopy_list_dict",
    "get_attr",
    "get_tiled_scale_steps",
    "lanczos",
    "load_torch_file",
    "model_trange",
    "repeat_to_batch_size",
    "reshape_mask",
    "resize_to_batch_size",
    "safetensors_header",
    "save_torch_file",
    "set_attr",
    "set_attr_param",
    "set_progress_bar_enabled",
    "set_progress_bar_global_hook",
    "state_dict_key_replace",
    "state_dict_prefix_replace",
    "string_to_seed",
    "tiled_scale",
    "tiled_scale_multidim",
    "truncate_text",
    "unet_to_diffusers",
    "weight_dtype",
]

PROGRESS_BAR_ENABLED = True
PROGRESS_BAR_HOOK: Callable[..., Any] | None = None

unet_to_diffusers = placeholder("comfy.utils.unet_to_diffusers")
flux_to_diffusers = placeholder("comfy.utils.flux_to_diffusers")
mmdit_to_diffusers = placeholder("comfy.utils.mmdit_to_diffusers")
transformers_convert = placeholder("comfy.utils.transformers_convert")


def set_progress_bar_enabled(enabled: bool) -> None:
    """Sets whether loops of samplers show bars on the console."""
    global PROGRESS_BAR_ENABLED
    PROGRESS_BAR_ENABLED = enabled


def set_progress_bar_global_hook(function: Callable[..., Any] | None) -> None:
    """Stores a function that packs find as `PROGRESS_BAR_HOOK`; the engine publishes progress without it."""
    global PROGRESS_BAR_HOOK
    PROGRESS_BAR_HOOK = function


def model_trange(*args: int, **_: Any) -> Iterator[int]:
    """Returns a range, without a bar on the console."""
    return iter(range(*args))


def string_to_seed(data: str | bytes) -> int:
    """Returns a checksum of 32 bits, the same on every machine: CRC-32."""
    return zlib.crc32(data.encode() if isinstance(data, str) else data)


def truncate_text(text: Any, max_length: int = 500) -> str:
    """Returns a text in at most `max_length` characters."""
    content = str(text)
    return content if len(content) <= max_length else content[: max_length - 3] + "..."


def deepcopy_list_dict(obj: Any, memo: Any = None) -> Any:
    """Copies lists and dicts all the way down, and nothing else."""
    known = {} if memo is None else memo
    if id(obj) in known:
        return known[id(obj)]
    if isinstance(obj, dict):
        result: Any = {deepcopy_list_dict(key, known): deepcopy_list_dict(value, known) for key, value in obj.items()}
    elif isinstance(obj, list):
        result = [deepcopy_list_dict(item, known) for item in obj]
    else:
        return obj
    known[id(obj)] = result
    return result
