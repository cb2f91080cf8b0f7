"""The models that can be asked for, read from YAML files. Imports no torch: the API process reads it too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import yaml

from atelier_diffusion.errors import CatalogueError, EngineError
from atelier_diffusion.memory import MAX_HEADER_BYTES
from atelier_diffusion.model_card import DtypeName, ModelCard, ModelDefaults, ModelKind, PreviewMethod
from atelier_diffusion.request import SCHEDULERS
from atelier_diffusion.source import ModelSource

_FIELDS = {
    "kind": str,
    "display_name": str,
    "source": str,
    "revision": str,
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
    "guidance_scale": (int, float),
    "scheduler": str,
    "frames": int,
    "frame_rate_hz": (int, float),
}
_CHOICES = {
    "kind": get_args(ModelKind),
    "dtype": get_args(DtypeName),
    "preview": get_args(PreviewMethod),
    "scheduler": SCHEDULERS,
}


class Catalogue:
    """The cards of one kind of model by id; one of them is the default."""

    def __init__(self, cards: list[ModelCard], default_id: str) -> None:
        """`default_id` must be one of the cards'. Raises `CatalogueError` if not."""
        self._cards = {card.id: replace(card, is_default=card.id == default_id) for card in cards}
        if default_id not in self._cards:
            raise CatalogueError(f"the default model {default_id!r} is not in the catalogue")
        self._default_id = default_id

    @property
    def default(self) -> ModelCard:
        """The model that is used when a request names none."""
        return self._cards[self._default_id]

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The default first, then by id."""
        return tuple(sorted(self._cards.values(), key=lambda card: (not card.is_default, card.id)))

    def get(self, model_id: str) -> ModelCard:
        """The card of `model_id`; an empty id means the default. Raises `EngineError` UNKNOWN_MODEL."""
        card = self._cards.get(model_id or self._default_id)
        if card is None:
            raise EngineError("UNKNOWN_MODEL", f"no model {model_id!r} in the catalogue")
        return card


def read_catalogue(shipped: Path, user: Path | None = None, *, root: Path, kind: ModelKind = "image") -> Catalogue:
    """Reads the shipped catalogue and lays the user's over it, field by field; the user's file need not exist.

    Only models of `kind` are in it. What kind a model is of stands in the catalogue, not in the model's own files:
    those of a hub are not here before somebody asks for them. The loader refuses a model that is of another kind.
    Relative folders are taken from `root`. What an entry leaves out comes from the `card.json` in its folder, if
    there is one. A folder that is missing is no error here: loading it will say so. Raises `CatalogueError`.
    """
    entries: dict[str, dict[str, Any]] = {}
    chosen: list[str] = []
    for file in [shipped] + ([user] if user is not None and user.is_file() else []):
        document = _read_yaml(file)
        chosen += _defaults(document)
        for model_id, entry in (document.get("models") or {}).items():
            if not isinstance(entry, dict):
                raise CatalogueError(f"{file.name}: model {model_id!r} must be a mapping")
            known = entries.setdefault(str(model_id), {})
            defaults = {**known.get("defaults", {}), **(entry.get("defaults") or {})}
            known.update(entry)
            known["defaults"] = defaults
    cards = {model_id: _card(model_id, entry, root) for model_id, entry in entries.items()}
    for model_id in chosen:
        if model_id not in cards:
            raise CatalogueError(f"the default model {model_id!r} is not in the catalogue")
    of_kind = {model_id: card for model_id, card in cards.items() if card.kind == kind}
    default_id = next((model_id for model_id in reversed(chosen) if model_id in of_kind), None)
    if default_id is None:
        raise CatalogueError(f"the catalogue names no default {kind} model")
    return Catalogue(list(of_kind.values()), default_id)


def _defaults(document: Mapping[str, Any]) -> list[str]:
    """The models named under `default:`, one or a list: each is the default of its own kind."""
    named = document.get("default") or []
    return [str(model_id) for model_id in (named if isinstance(named, list) else [named])]


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise CatalogueError(f"{file.name} cannot be read: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("models") or {}, dict):
        raise CatalogueError(f"{file.name} must be a mapping with `models:`")
    return document


def _card(model_id: str, entry: Mapping[str, Any], root: Path) -> ModelCard:
    _check(model_id, entry, _FIELDS)
    source = ModelSource.parse(entry.get("source", ""))
    folder = source.folder(root) if source.kind == "path" else None
    shipped = _card_json(folder) if folder else {}
    known = {**shipped, **entry, "defaults": {**shipped.get("defaults", {}), **entry["defaults"]}}
    kind = known.get("kind", "image")
    _check(model_id, {"kind": kind}, _FIELDS)
    _check(model_id, known["defaults"], _DEFAULTS)
    sides = [known[name] for name in ("max_size_px", "max_width_px", "max_height_px") if name in known]
    return ModelCard(
        id=model_id,
        display_name=known.get("display_name", model_id),
        source=source,
        revision=str(known.get("revision", "")) or (fingerprint(folder) if folder else source.revision),
        folder=folder,
        defaults=ModelDefaults(**known["defaults"]),
        size_multiple_px=known.get("size_multiple_px", 8),
        max_size_px=entry.get("max_size_px", min(sides, default=2048)),
        dtype=known.get("dtype"),
        variant=known.get("variant", ""),
        preview=known.get("preview", "decode"),
        kind=kind,
        max_frames=known.get("max_frames", 64),
        takes_first_frame=known.get("takes_first_frame", False),
    )


def _check(model_id: str, entry: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """Names the first field that is unknown or of the wrong type."""
    for name, value in entry.items():
        if name not in fields:
            raise CatalogueError(f"model {model_id!r}: unknown field {name!r}")
        if not isinstance(value, fields[name]) or (isinstance(value, bool) and fields[name] is not bool):
            raise CatalogueError(f"model {model_id!r}: {name} has the wrong type")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise CatalogueError(f"model {model_id!r}: {name} must be one of {', '.join(_CHOICES[name])}")


def _card_json(folder: Path) -> dict[str, Any]:
    file = folder / "card.json"
    if not file.is_file():
        return {}
    try:
        card = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise CatalogueError(f"card.json of {folder.name} is not JSON") from error
    if not isinstance(card, dict):
        raise CatalogueError(f"card.json of {folder.name} must be an object")
    return card


def fingerprint(folder: Path) -> str:
    """Names the weights in a folder without reading them: SHA-256 over each safetensors file's name, size and
    header and each JSON file's text, 16 hex digits. Empty when there are none."""
    digest = hashlib.sha256()
    weights = sorted(folder.rglob("*.safetensors"))
    for file in weights:
        digest.update(f"{file.relative_to(folder)}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            digest.update(stream.read(min(length, MAX_HEADER_BYTES)))
    for file in sorted(folder.rglob("*.json")):
        digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16] if weights else ""
