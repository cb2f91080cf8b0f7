"""The rules of an entry of a catalogue: which fields it may have, of which type, and within which bounds."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any, get_args

from atelier_diffusion.policy.errors import CatalogueError
from atelier_diffusion.policy.model_card import DtypeName, ModelKind, PreviewMethod
from atelier_diffusion.policy.model_source import ModelSource
from atelier_diffusion.policy.request import SCHEDULERS

_NUMBER = (int, float)
_FIELDS = {
    "kind": str,
    "display_name": str,
    "source": str,
    "defaults": dict,
    "size_multiple_px": int,
    "max_size_px": int,
    "max_frames": int,
    "takes_first_frame": bool,
    "dtype": str,
    "variant": str,
    "preview": str,
}
_DEFAULTS = {
    "width_px": int,
    "height_px": int,
    "steps": int,
    "guidance_scale": _NUMBER,
    "scheduler": str,
    "frames": int,
    "frame_rate_hz": _NUMBER,
}
_CHOICES = {
    "kind": get_args(ModelKind),
    "dtype": get_args(DtypeName),
    "preview": get_args(PreviewMethod),
    "scheduler": SCHEDULERS,
}
_LEAST: dict[str, float] = {
    **dict.fromkeys(("size_multiple_px", "max_size_px", "max_frames", "steps", "frames"), 1),
    **dict.fromkeys(("width_px", "height_px"), 64),
    "frame_rate_hz": 0.1,
}
# What the contract allows, since a request that leaves the field out is filled in with this.
_MOST = {"width_px": 2048, "height_px": 2048, "steps": 200, "guidance_scale": 30, "frames": 9000, "frame_rate_hz": 240}
_WORDS: dict[Any, str] = {
    str: "text", dict: "a mapping", int: "a whole number", bool: "true or false", _NUMBER: "a number",
}  # fmt: skip
_MAX_ID = 100  # characters, as the contract has it


def check_entry(model_id: object, entry: object) -> None:
    """Checks one entry of a catalogue file.

    Raises:
        CatalogueError: Names the model and the first field that is unknown, of the wrong type or out of bounds.
    """
    if not isinstance(model_id, str) or not 0 < len(model_id) <= _MAX_ID or not model_id.isprintable():
        raise CatalogueError(f"model {model_id!r}: an id is printable text of at most {_MAX_ID} characters; quote it?")
    where = f"model {model_id!r}"
    if not isinstance(entry, dict):
        raise CatalogueError(f"{where} must be a mapping")
    for name, value in entry.items():
        if name == "defaults" and value is None:
            continue
        check_field(where, name, value, _FIELDS)
    for name, value in (entry.get("defaults") or {}).items():
        check_field(f"{where}: defaults", name, value, _DEFAULTS)


def check_card(where: str, card: object) -> None:
    """Checks a `card.json`, whose unknown fields are ignored.

    Args:
        where: Names the file in the error.
        card: The parsed JSON.

    Raises:
        CatalogueError: As `check_entry`.
    """
    if not isinstance(card, dict):
        raise CatalogueError(f"{where} must be an object")
    for name in _FIELDS.keys() & card.keys():
        check_field(where, name, card[name], _FIELDS)
    for name, value in card.get("defaults", {}).items():
        check_field(f"{where}: defaults", name, value, _DEFAULTS)
    for name in {"max_width_px", "max_height_px", "prompt_max_tokens"} & card.keys():
        check_field(where, name, card[name], {name: int})


def check_field(where: str, name: object, value: object, fields: Mapping[str, Any]) -> None:
    """Checks one field.

    Args:
        where: Names the entry in the error.
        name: The field's name.
        value: Its value.
        fields: The types of all known fields, by name.

    Raises:
        CatalogueError: The field is unknown, of the wrong type or out of bounds.
    """
    if not isinstance(name, str) or name not in fields:
        close = difflib.get_close_matches(str(name), fields, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise CatalogueError(f"{where}: unknown field {name!r}{hint}")
    kind = fields[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise CatalogueError(f"{where}: {name} has the wrong type, {type(value).__name__}: it is {_WORDS[kind]}")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise CatalogueError(f"{where}: {name} must be one of {', '.join(_CHOICES[name])}")
    if isinstance(value, float) and not math.isfinite(value):
        raise CatalogueError(f"{where}: {name} must be finite")
    if isinstance(value, _NUMBER) and value < _LEAST.get(name, 0):
        raise CatalogueError(f"{where}: {name} is {value}, too small")
    if isinstance(value, _NUMBER) and value > _MOST.get(name, math.inf):
        raise CatalogueError(f"{where}: {name} is {value}, more than {_MOST[name]}")
    if name in ("width_px", "height_px") and isinstance(value, int) and value % 8:
        raise CatalogueError(f"{where}: {name} is {value}, not a multiple of 8")
    if name == "source":
        try:
            ModelSource.parse(str(value))
        except CatalogueError as error:
            raise CatalogueError(f"{where}: {error}") from None
