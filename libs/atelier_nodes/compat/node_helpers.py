"""`node_helpers`: small functions that nodes share."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from PIL import ImageFile, UnidentifiedImageError

from comfy.cli_args import args


def conditioning_set_values(conditioning: list[Any], values: Mapping[str, Any] = {}, append: bool = False) -> list[Any]:
    """Returns a conditioning whose options have more values.

    Args:
        conditioning: Pairs of a value and its options; stays as it is.
        values: Options by name.
        append: Whether values are added to lists that the options have already.
    """
    changed = []
    for pair in conditioning:
        options = dict(pair[1])
        for name, value in values.items():
            options[name] = options[name] + value if append and name in options else value
        changed.append([pair[0], options])
    return changed


def pillow(fn: Callable[[Any], Any], arg: Any) -> Any:
    """Calls a function of Pillow, and again for a truncated file, of which it then reads what there is."""
    try:
        return fn(arg)
    except (OSError, UnidentifiedImageError, ValueError):
        strict = ImageFile.LOAD_TRUNCATED_IMAGES
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            return fn(arg)
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = strict


def hasher() -> Callable[..., Any]:
    """Returns the hash function of files, by its option."""
    return {"md5": hashlib.md5, "sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}[
        args.default_hashing_function
    ]


def string_to_torch_dtype(string: str) -> torch.dtype | None:
    """Returns the type of a short name, or None for an unknown one."""
    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}.get(string)


def image_alpha_fix(destination: torch.Tensor, source: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Brings two batches of pictures, (n, height, width, channels), to one number of channels: that of `destination`.

    A missing alpha channel is opaque.
    """
    wanted, given = destination.shape[-1], source.shape[-1]
    if given > wanted:
        return destination, source[..., :wanted]
    if given < wanted:
        return destination, torch.nn.functional.pad(source, (0, wanted - given), value=1.0)
    return destination, source
