"""File facts: what a model's files say that its catalogue entry need not. Nothing in the folder is executed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from atelier_diffusion.policy.latent_format import LatentFormat
from atelier_diffusion.policy.model_card import FileFacts
from atelier_diffusion.policy.scheduler_choice import SchedulerChoice


def read_file_facts(folder: Path) -> FileFacts:
    """Reads a folder in diffusers layout; what cannot be read is unknown."""
    choice = SchedulerChoice.read(peek(folder / "scheduler" / "scheduler_config.json"))
    latents = LatentFormat.read(peek(folder / "vae" / "config.json"))
    return FileFacts(choice.own, choice.names, _prompt_max_tokens(folder), latents)


def peek(file: Path) -> dict[str, Any]:
    """An object in a model's folder, as far as it can be read: loading the model says what is wrong with it."""
    try:
        config = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


def _prompt_max_tokens(folder: Path) -> int:
    """How much of a prompt the text encoders read; 0 unless all are CLIP's, for others leave it to their pipeline."""
    index = peek(folder / "model_index.json")
    encoders = {name: part for name, part in index.items() if name.startswith("text_encoder") and part != [None, None]}
    if not encoders or not all("CLIPText" in str(part) for part in encoders.values()):
        return 0
    limits = (peek(folder / name / "config.json").get("max_position_embeddings") for name in encoders)
    return min((limit for limit in limits if isinstance(limit, int)), default=0)
