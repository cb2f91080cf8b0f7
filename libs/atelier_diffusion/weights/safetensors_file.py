"""Safetensors headers: how much memory weights will take, read before anything is loaded."""

from __future__ import annotations

import json
import struct
from math import prod
from pathlib import Path
from typing import Any

from atelier_diffusion.policy.errors import ModelLoadError
from atelier_diffusion.policy.model_card import DTYPE_BYTES

# The largest header that the safetensors library itself accepts.
MAX_HEADER_BYTES = 100_000_000

_FLOATS = {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"}
_STORED_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "U16": 2, "I32": 4, "U32": 4, "I64": 8, "U64": 8}


def safetensors_header(file: Path) -> dict[str, Any]:
    """Reads the header of a safetensors file.

    Returns:
        Tensor name → {dtype, shape, data_offsets}, and `__metadata__`.

    Raises:
        ModelLoadError: MODEL_LOAD_FAILED, the file is truncated or no safetensors file.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        prefix = stream.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else MAX_HEADER_BYTES
        if length > min(MAX_HEADER_BYTES, size - 8):
            raise ModelLoadError("MODEL_LOAD_FAILED", f"{file.name} is damaged or no safetensors file")
        try:
            header = json.loads(stream.read(length))
            ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelLoadError("MODEL_LOAD_FAILED", f"{file.name} is damaged or no safetensors file") from error
    if max(ends, default=0) != size - 8 - length:
        raise ModelLoadError("MODEL_LOAD_FAILED", f"{file.name} is cut short")
    assert isinstance(header, dict)
    return header


def tensor_bytes(file: Path, dtype: str) -> int:
    """Memory of the tensors of a safetensors file once loaded, in bytes. Reads the header only.

    Args:
        file: The file.
        dtype: What floating-point tensors are converted to: `float32`, `float16` or `bfloat16`.

    Raises:
        ModelLoadError: MODEL_LOAD_FAILED, the file is truncated or no safetensors file.
    """
    total = 0
    for name, tensor in safetensors_header(file).items():
        if name != "__metadata__":
            stored = tensor["dtype"]
            each = DTYPE_BYTES[dtype] if stored in _FLOATS else _STORED_BYTES.get(stored, 8)
            total += prod(tensor["shape"]) * each
    return total
