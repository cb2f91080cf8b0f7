"""A folder in diffusers layout, looked at before anything in it is loaded."""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

from atelier_diffusion.errors import ModelLoadError
from atelier_diffusion.memory import tensor_bytes
from atelier_diffusion.model_card import ModelKind

# The pipelines whose parts the engine runs itself, and what they make. Others that make clips are called as they are.
PIPELINES: dict[str, ModelKind] = {
    "StableDiffusionPipeline": "image",
    "StableDiffusionXLPipeline": "image",
    "TextToVideoSDPipeline": "video",
}

# The parts of those pipelines that the engine loads; it passes None for all others (safety checker and so on).
_PARTS = ("text_encoder", "text_encoder_2", "unet", "vae", "scheduler", "tokenizer", "tokenizer_2")
_WITHOUT_WEIGHTS = re.compile(r"(Scheduler|Tokenizer|Processor|FeatureExtractor)(Fast|Pil)?$")

_WEIGHT_NAMES = ("diffusion_pytorch_model", "model")
_PICKLES = {".bin", ".ckpt", ".pt", ".pth", ".pkl"}


class ModelFolder:
    """Answers what is in a model's folder. Nothing is executed, no weight is read."""

    def __init__(self, path: Path, variant: str = "") -> None:
        """`variant` is the infix of hubs' alternative precisions: `fp16` for `model.fp16.safetensors`."""
        self.path = path
        self.variant = variant

    @cached_property
    def index(self) -> dict[str, Any]:
        """`model_index.json`. Raises `ModelLoadError`."""
        if not self.path.is_dir():
            raise ModelLoadError("MODEL_NOT_FOUND", "the model's folder is not there")
        file = self.path / "model_index.json"
        if not file.is_file():
            if any(found.suffix in _PICKLES for found in self.path.iterdir()):
                raise ModelLoadError(
                    "MODEL_UNSAFE_FORMAT",
                    "pickled weights are not loaded: a diffusers folder with safetensors is needed",
                )
            raise ModelLoadError(
                "MODEL_NOT_FOUND", "the model's folder has no model_index.json: it is no diffusers folder"
            )
        return _read_object(file)

    @property
    def pipeline(self) -> str:
        """Name of the pipeline's class. Raises `ModelLoadError`, also when that is code of the model's own."""
        name = self.index.get("_class_name")
        if not isinstance(name, str):
            raise ModelLoadError("MODEL_UNSUPPORTED", "the model brings a pipeline of its own; only diffusers' are run")
        return name

    @property
    def parts(self) -> dict[str, str]:
        """The parts that loading reads, and their classes."""
        named = {name: part for name, part in self.index.items() if name.isidentifier()}
        listed = {name: part for name, part in named.items() if isinstance(part, list) and len(part) == 2}
        return {
            name: str(part[1])
            for name, part in listed.items()
            if part[0] is not None and (name in _PARTS or self.pipeline not in PIPELINES)
        }

    @property
    def weighted_parts(self) -> list[str]:
        """The parts that hold weights."""
        return [name for name, made in self.parts.items() if not _WITHOUT_WEIGHTS.search(made)]

    @cached_property
    def weight_files(self) -> list[Path]:
        """Every safetensors file that loading reads. Raises `ModelLoadError` when a part has none, MODEL_UNSAFE_FORMAT
        when it has a pickle instead."""
        return [file for name in self.weighted_parts for file in self._weights_of(name)]

    def needed_bytes(self, dtype: str) -> int:
        """Memory that the weights take once loaded as `dtype`. Raises `ModelLoadError`."""
        return sum(tensor_bytes(file, dtype) for file in self.weight_files)

    @property
    def configs(self) -> dict[str, dict[str, Any]]:
        """The configurations of all parts that have one, by part. Raises `ModelLoadError`."""
        names = {part: "scheduler_config.json" if part == "scheduler" else "config.json" for part in self.parts}
        files = {part: self.path / part / name for part, name in names.items()}
        return {part: _read_object(file) for part, file in files.items() if file.is_file()}

    def config(self, part: str) -> dict[str, Any]:
        """Configuration of a part that is a diffusers model. Raises `ModelLoadError`."""
        file = self.path / part / "config.json"
        if not file.is_file():
            raise ModelLoadError("MODEL_LOAD_FAILED", f"{part} has no config.json")
        return _read_object(file)

    def check_kind(self, kind: ModelKind) -> None:
        """Raises `ModelLoadError` MODEL_UNSUPPORTED when this pipeline does not make what `kind` says. What other
        pipelines than those of `PIPELINES` make, their signatures tell."""
        made = PIPELINES.get(self.pipeline)
        if made is None and kind == "image":
            known = ", ".join(name for name, made in PIPELINES.items() if made == "image")
            raise ModelLoadError("MODEL_UNSUPPORTED", f"pipeline {self.pipeline} makes no pictures here: only {known}")
        if made not in (None, kind):
            raise ModelLoadError("MODEL_UNSUPPORTED", f"the model is of kind {made}; its catalogue entry says {kind}")

    def check(self, kind: ModelKind = "image") -> None:
        """Raises `ModelLoadError` when this is no folder that the engine could load, to make what `kind` says."""
        self.check_kind(kind)
        _ = self.weight_files

    def _weights_of(self, part: str) -> list[Path]:
        folder = self.path / part
        infix = f".{self.variant}" if self.variant else ""
        for name in _WEIGHT_NAMES:
            whole = folder / f"{name}{infix}.safetensors"
            if whole.is_file():
                return [whole]
            index = folder / f"{name}.safetensors.index{infix}.json"
            if index.is_file():
                return self._shards(index)
        if folder.is_dir() and any(file.suffix in _PICKLES for file in folder.iterdir()):
            raise ModelLoadError("MODEL_UNSAFE_FORMAT", f"{part} has pickled weights only: safetensors are needed")
        raise ModelLoadError("MODEL_LOAD_FAILED", f"{part} has no{infix} safetensors weights")

    def _shards(self, index: Path) -> list[Path]:
        names = set((_read_object(index).get("weight_map") or {}).values())
        shards = sorted(index.parent / name for name in names)
        if not shards or any(shard.parent != index.parent or not shard.is_file() for shard in shards):
            raise ModelLoadError("MODEL_LOAD_FAILED", f"{index.parent.name}: a shard of the weights is missing")
        return shards


def _read_object(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ModelLoadError("MODEL_LOAD_FAILED", f"{file.name} is not JSON") from error
    if not isinstance(value, dict):
        raise ModelLoadError("MODEL_LOAD_FAILED", f"{file.name} is no object")
    return value
