"""Files of weights: safetensors, and pickles from which torch reads nothing but tensors."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

MAX_HEADER_BYTES = 100 * 2**20


def load_torch_file(
    ckpt: str,
    safe_load: bool = False,
    device: torch.device | None = None,
    return_metadata: bool = False,
) -> Any:
    """Reads a file of weights.

    Args:
        ckpt: Its path.
        safe_load: Has no effect: a file is never allowed to run code.
        device: Where the tensors are put; the CPU if omitted.
        return_metadata: Whether to return the header's metadata too, which is None for a pickle.

    Returns:
        Tensors by name, or these and the metadata.

    Raises:
        pickle.UnpicklingError: a pickle holds more than tensors.
        safetensors.SafetensorError: the file is damaged.
    """
    target = str(device or "cpu")
    metadata: dict[str, str] | None = None
    if Path(ckpt).suffix.lower() in (".safetensors", ".sft"):
        with safetensors.safe_open(ckpt, framework="pt", device=target) as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
            metadata = file.metadata()
    else:
        content = torch.load(ckpt, map_location=target, weights_only=True)
        state = content.get("state_dict", content) if isinstance(content, dict) else content
    return (state, metadata) if return_metadata else state


def save_torch_file(sd: Mapping[str, Tensor], ckpt: str, metadata: dict[str, str] | None = None) -> None:
    """Writes tensors as safetensors."""
    safetensors.torch.save_file(dict(sd), ckpt, metadata=metadata)


def safetensors_header(safetensors_path: str, max_size: int = MAX_HEADER_BYTES) -> bytes | None:
    """Returns the JSON of a safetensors file's header, or None where it is larger than `max_size` bytes."""
    with open(safetensors_path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        return file.read(length) if length <= max_size else None


def safetensors_metadata(path: str) -> dict[str, str]:
    """Returns the metadata of a safetensors file."""
    header = safetensors_header(path)
    return dict(json.loads(header).get("__metadata__", {})) if header else {}
