"""Input declarations: the tuples that INPUT_TYPES of a node class consists of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

Declaration: TypeAlias = tuple[Any, ...]
# By group: `required`, `optional`, and `hidden`, whose values are plain strings such as PROMPT.
InputTypes: TypeAlias = dict[str, dict[str, Any]]

MAX_RESOLUTION_PX = 16384
MAX_BATCH = 4096
MAX_SEED = (1 << 64) - 1


def integer(default: int, low: int, high: int, step: int = 1, **options: Any) -> Declaration:
    """An INT from `low` to `high`, both included; `step` is what an editor counts in."""
    return "INT", {"default": default, "min": low, "max": high, "step": step, **options}


def number(default: float, low: float, high: float, step: float = 0.01, **options: Any) -> Declaration:
    """A FLOAT from `low` to `high`, both included; `step` is what an editor counts in."""
    return "FLOAT", {"default": default, "min": low, "max": high, "step": step, **options}


def text(default: str = "", *, multiline: bool = False, **options: Any) -> Declaration:
    """A STRING."""
    return "STRING", {"default": default, "multiline": multiline, **options}


def flag(default: bool, **options: Any) -> Declaration:
    """A BOOLEAN."""
    return "BOOLEAN", {"default": default, **options}


def choice(values: Sequence[str], **options: Any) -> Declaration:
    """A COMBO: one of `values`."""
    return list(values), options


def linked(kind: str, **options: Any) -> Declaration:
    """A value that only a link can bring, such as IMAGE."""
    return kind, options


def seed() -> Declaration:
    """A 64-bit seed, which an editor may change after each run."""
    return integer(0, 0, MAX_SEED, control_after_generate=True)
