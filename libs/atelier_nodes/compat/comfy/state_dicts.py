"""State dicts: tensors by name, renamed, measured and put into modules."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def calculate_parameters(sd: Mapping[str, Tensor], prefix: str = "") -> int:
    """Returns the number of elements of all tensors whose name begins with a prefix."""
    return sum(tensor.nelement() for name, tensor in sd.items() if name.startswith(prefix))


def weight_dtype(sd: Mapping[str, Tensor], prefix: str = "") -> torch.dtype | None:
    """Returns the type of most elements whose name begins with a prefix, or None for none."""
    counts: dict[torch.dtype, int] = {}
    for name, tensor in sd.items():
        if name.startswith(prefix):
            counts[tensor.dtype] = counts.get(tensor.dtype, 0) + tensor.numel()
    return max(counts, key=lambda dtype: counts[dtype]) if counts else None


def state_dict_key_replace(state_dict: dict[str, Any], keys_to_replace: Mapping[str, str]) -> dict[str, Any]:
    """Renames entries in place; names that do not exist are skipped."""
    for old, new in keys_to_replace.items():
        if old in state_dict:
            state_dict[new] = state_dict.pop(old)
    return state_dict


def state_dict_prefix_replace(
    state_dict: dict[str, Any], replace_prefix: Mapping[str, str], filter_keys: bool = False
) -> dict[str, Any]:
    """Renames entries by prefix.

    Args:
        state_dict: Loses the renamed entries, and keeps them under their new names unless `filter_keys`.
        replace_prefix: New prefixes by the present ones.
        filter_keys: Whether to return the renamed entries alone.

    Returns:
        `state_dict` itself, or a new dict with `filter_keys`.
    """
    result: dict[str, Any] = {} if filter_keys else state_dict
    for old, new in replace_prefix.items():
        for name in [name for name in state_dict if name.startswith(old)]:
            result[new + name[len(old) :]] = state_dict.pop(name)
    return result


def convert_sd_to(state_dict: dict[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Converts all tensors, in place."""
    for name in state_dict:
        state_dict[name] = state_dict[name].to(dtype)
    return state_dict


def get_attr(obj: Any, attr: str) -> Any:
    """Returns an attribute by its dotted path."""
    for name in attr.split("."):
        obj = getattr(obj, name)
    return obj


def set_attr(obj: Any, attr: str, value: Any) -> Any:
    """Sets an attribute by its dotted path, and returns the previous value."""
    parent, _, name = attr.rpartition(".")
    owner = get_attr(obj, parent) if parent else obj
    previous = getattr(owner, name)
    setattr(owner, name, value)
    return previous


def set_attr_param(obj: Any, attr: str, value: Tensor) -> Any:
    """Sets a parameter that needs no gradient, by its dotted path."""
    return set_attr(obj, attr, torch.nn.Parameter(value, requires_grad=False))


def copy_to_param(obj: Any, attr: str, value: Tensor) -> None:
    """Copies values into a parameter, by its dotted path."""
    get_attr(obj, attr).data.copy_(value)
