"""Catalogue files: YAML, the distribution's and the operator's. API processes read them too."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.catalogue.entry import check_card, check_entry
from atelier_diffusion.catalogue.file_facts import peek, read_file_facts
from atelier_diffusion.policy.errors import CatalogueError
from atelier_diffusion.policy.model_card import ModelCard, ModelDefaults, ModelKind
from atelier_diffusion.policy.model_source import ModelSource


def read_catalogue(shipped: Path, user: Path | None = None, *, root: Path, kind: ModelKind = "image") -> Catalogue:
    """Reads the shipped catalogue and overrides it with the user's, field by field.

    The catalogue, not the model's files, says which kind a model is: a hub's files are downloaded when the model is
    first used. Loading refuses a model of another kind. What an entry leaves out is read from `card.json` in its
    folder, if there is one. A missing folder is no error here: loading reports it.

    Args:
        shipped: The catalogue file of the distribution.
        user: The operator's file; it need not exist.
        root: The folder that relative `path` sources are in.
        kind: The kind of models to return.

    Raises:
        CatalogueError: A file is invalid; the message names it, the entry and the field.
    """
    entries: dict[str, dict[str, Any]] = {}
    chosen: list[str] = []
    for file in [shipped] + ([user] if user is not None and user.is_file() else []):
        document = _read_yaml(file)
        try:
            named = _defaults(document)
            chosen += named
            for model_id, entry in (document.get("models") or {}).items():
                check_entry(model_id, entry)
                known = entries.setdefault(model_id, {})
                defaults = {**known.get("defaults", {}), **(entry.get("defaults") or {})}
                known.update(entry)
                known["defaults"] = defaults
            for model_id in named:
                if model_id not in entries:
                    raise CatalogueError(f"the default model {model_id!r} is not in the catalogue")
        except CatalogueError as error:
            raise CatalogueError(f"{file}: {error}") from None
    cards = {model_id: _card(model_id, entry, root) for model_id, entry in entries.items()}
    of_kind = {model_id: card for model_id, card in cards.items() if card.kind == kind}
    default_id = next((model_id for model_id in reversed(chosen) if model_id in of_kind), None)
    if default_id is None:
        raise CatalogueError(f"the catalogue names no default {kind} model")
    return Catalogue(list(of_kind.values()), default_id)


def _defaults(document: Mapping[str, Any]) -> list[str]:
    """The ids under `default:`, one or a list: each is the default of its own kind."""
    named = document.get("default") or []
    ids = named if isinstance(named, list) else [named]
    if not all(isinstance(model_id, str) for model_id in ids):
        raise CatalogueError("default must be a model's id, or a list of them")
    return ids


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        # On one line.
        raise CatalogueError(f"{file} cannot be read: {' '.join(str(error).split())}") from error
    document = {} if document is None else document  # a file of comments
    if not isinstance(document, dict) or not isinstance(document.get("models") or {}, dict):
        raise CatalogueError(f"{file} must be a mapping with `models:`")
    if others := document.keys() - {"models", "default"}:
        raise CatalogueError(f"{file}: unknown field {min(map(str, others))!r}; it has `models:` and `default:`")
    return document


def _card(model_id: str, entry: Mapping[str, Any], root: Path) -> ModelCard:
    if "source" not in entry:
        raise CatalogueError(f"model {model_id!r} has no source")
    source = ModelSource.parse(entry["source"])
    folder = source.folder(root) if source.scheme == "path" else None
    try:
        shipped = _card_json(folder) if folder else {}
    except OSError as error:
        raise CatalogueError(f"model {model_id!r}: its files cannot be read: {error}") from error
    known = {**shipped, **entry, "defaults": {**shipped.get("defaults", {}), **entry["defaults"]}}
    sides = [known[name] for name in ("max_size_px", "max_width_px", "max_height_px") if name in known]
    card = ModelCard(
        id=model_id,
        display_name=known.get("display_name", model_id),
        source=source,
        revision=source.commit,
        folder=folder,
        defaults=ModelDefaults(**known["defaults"]),
        size_multiple_px=known.get("size_multiple_px", 8),
        max_size_px=entry.get("max_size_px", min(sides, default=2048)),
        dtype=known.get("dtype"),
        variant=known.get("variant", ""),
        preview=known.get("preview", "decode"),
        kind=known.get("kind", "image"),
        max_frames=known.get("max_frames") or (_motion_frames(folder) if folder else 0) or 64,
        takes_first_frame=known.get("takes_first_frame", False),
        has_scheduler="scheduler" in known["defaults"],
        prompt_max_tokens=shipped.get("prompt_max_tokens", 0),
    )
    return card.with_facts(read_file_facts(folder)) if folder else card


def _card_json(folder: Path) -> dict[str, Any]:
    file = folder / "card.json"
    if not file.is_file():
        return {}
    try:
        card = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CatalogueError(f"{file} is not JSON") from error
    check_card(str(file), card)
    return card  # type: ignore[no-any-return]


def _motion_frames(folder: Path) -> int:
    """The most frames that motion layers know (AnimateDiff); 0 for a model without."""
    for part in ("motion_adapter", "unet"):
        frames = peek(folder / part / "config.json").get("motion_max_seq_length")
        if isinstance(frames, int):
            return frames
    return 0
