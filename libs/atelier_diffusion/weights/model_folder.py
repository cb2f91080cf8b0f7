"""Model folders in diffusers layout, inspected before anything in them is loaded."""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

from atelier_diffusion.policy.errors import ModelLoadError
from atelier_diffusion.policy.model_card import ModelKind
from atelier_diffusion.weights.safetensors_file import tensor_bytes

# The pipelines whose network and decoder the engine runs itself, and what they draw. Others are called as they are.
PIPELINES: dict[str, ModelKind] = {
    "StableDiffusionPipeline": "image",
    "StableDiffusionXLPipeline": "image",
    "TextToVideoSDPipeline": "video",
}

# The parts of those pipelines that the engine loads; it passes None for all others (safety checker and so on).
_PARTS = ("text_encoder", "text_encoder_2", "unet", "vae", "scheduler", "tokenizer", "tokenizer_2")
_WITHOUT_WEIGHTS = re.compile(r"(Scheduler|Tokenizer|Processor|FeatureExtractor)(Fast|Pil)?$")

# A file of weights or the index of its shards, and the variant in its name: `model.fp16.safetensors`.
_WEIGHTS = re.compile(
    r"(?:diffusion_pytorch_model|model)"
    r"(?:(?:\.(?P<whole>[\w]+))?\.safetensors|\.safetensors\.index(?:\.(?P<shards>\w+))?\.json)"
)
_CONVERT = "make a folder of it with diffusers' from_single_file(…).save_pretrained(…)"
_TEXTS = {".json", ".txt", ".model"}
_PICKLES = {".bin", ".ckpt", ".pt", ".pth", ".pkl"}


class ModelFolder:
    """The content of a model's folder. Nothing is executed, no weight is read.

    Properties and methods raise `ModelLoadError` for a folder or a file that cannot be loaded.
    """

    def __init__(self, path: Path, variant: str = "") -> None:
        """Inspects nothing yet.

        Args:
            path: The folder.
            variant: Infix of alternative weights: `fp16` for `model.fp16.safetensors`; empty for none.
        """
        self.path = path
        self.variant = variant

    @cached_property
    def index(self) -> dict[str, Any]:
        """The content of `model_index.json`.

        Raises:
            ModelLoadError: There is none; the message says what is there instead.
        """
        if self.path.is_file() and self.path.suffix in {".safetensors", *_PICKLES}:
            raise ModelLoadError("MODEL_UNSUPPORTED", f"the model is a single file: {_CONVERT}")
        if not self.path.is_dir():
            raise ModelLoadError("MODEL_NOT_FOUND", "the model's folder is not there")
        file = self.path / "model_index.json"
        if not file.is_file():
            if any(found.suffix in _PICKLES for found in self.path.iterdir()):
                raise ModelLoadError(
                    "MODEL_UNSAFE_FORMAT",
                    "pickled weights are not loaded: a diffusers folder with safetensors is needed",
                )
            if any(found.suffix == ".safetensors" for found in self.path.iterdir()):
                raise ModelLoadError(
                    "MODEL_UNSUPPORTED", f"the model's folder holds a single file and no model_index.json: {_CONVERT}"
                )
            raise ModelLoadError(
                "MODEL_NOT_FOUND", "the model's folder has no model_index.json: it is no diffusers folder"
            )
        return _read_object(file, "model_index.json")

    @property
    def pipeline(self) -> str:
        """Class name of the pipeline.

        Raises:
            ModelLoadError: MODEL_UNSUPPORTED, the model brings pipeline code of its own.
        """
        name = self.index.get("_class_name")
        if not isinstance(name, str):
            raise ModelLoadError("MODEL_UNSUPPORTED", "the model brings a pipeline of its own; only diffusers' are run")
        return name

    @property
    def parts(self) -> dict[str, str]:
        """The class names of the parts that loading reads, by part."""
        named = {name: part for name, part in self.index.items() if name.isidentifier()}
        listed = {name: part for name, part in named.items() if isinstance(part, list) and len(part) == 2}
        return {
            name: str(part[1])
            for name, part in listed.items()
            if part[0] is not None and (name in _PARTS or self.pipeline not in PIPELINES)
        }

    @property
    def weighted_parts(self) -> list[str]:
        """The names of the parts that hold weights."""
        return [name for name, made in self.parts.items() if not _WITHOUT_WEIGHTS.search(made)]

    @cached_property
    def weight_files(self) -> list[Path]:
        """Every safetensors file that loading reads.

        Raises:
            ModelLoadError: A part has none; MODEL_UNSAFE_FORMAT where it has a pickle instead.
        """
        return [file for name in self.weighted_parts for file in self._weights_of(name)]

    @property
    def read_files(self) -> list[Path]:
        """Every file that loading reads: the index, weights, configurations and vocabularies."""
        folders = [self.path / name for name in self.parts if (self.path / name).is_dir()]
        texts = [file for folder in folders for file in folder.iterdir() if file.suffix in _TEXTS and file.is_file()]
        return [self.path / "model_index.json", *texts, *self.weight_files]

    def needed_bytes(self, dtype: str) -> int:
        """Memory that the weights take once loaded as `dtype`, in bytes."""
        return sum(tensor_bytes(file, dtype) for file in self.weight_files)

    @property
    def configs(self) -> dict[str, dict[str, Any]]:
        """The configurations of all parts that have one, by part."""
        names = {part: "scheduler_config.json" if part == "scheduler" else "config.json" for part in self.parts}
        files = {part: self.path / part / name for part, name in names.items()}
        return {part: _read_object(file, f"{part}/{file.name}") for part, file in files.items() if file.is_file()}

    def config(self, part: str) -> dict[str, Any]:
        """The configuration of a part that is a diffusers model.

        Raises:
            ModelLoadError: MODEL_LOAD_FAILED, it has none.
        """
        file = self.path / part / "config.json"
        if not file.is_file():
            raise ModelLoadError("MODEL_LOAD_FAILED", f"{part} has no config.json")
        return _read_object(file, f"{part}/config.json")

    def lacks_weights(self) -> bool:
        """Whether some part has neither weights nor a pickle to refuse."""
        return any(self._found(name) is None and not self._has_pickle(name) for name in self.weighted_parts)

    def variant_of(self, part: str) -> str:
        """The variant of a part that loading reads: its only one, where none was configured."""
        found = self._found(part)
        return self.variant if found is None else found[1]

    def check_kind(self, kind: ModelKind) -> None:
        """Checks that the pipeline draws what `kind` says; of a pipeline not in `PIPELINES` its signature decides.

        Raises:
            ModelLoadError: MODEL_UNSUPPORTED, it does not.
        """
        made = PIPELINES.get(self.pipeline)
        if made is None and kind == "image":
            known = ", ".join(name for name, made in PIPELINES.items() if made == "image")
            raise ModelLoadError("MODEL_UNSUPPORTED", f"pipeline {self.pipeline} makes no pictures here: only {known}")
        if made not in (None, kind):
            raise ModelLoadError("MODEL_UNSUPPORTED", f"the model is of kind {made}; its catalogue entry says {kind}")

    def check(self, kind: ModelKind = "image") -> None:
        """Checks that the engine can load the folder, and that the pipeline draws what `kind` says.

        Raises:
            ModelLoadError: It cannot, or does not.
        """
        self.check_kind(kind)
        _ = self.weight_files
        for part in self.parts:
            for file in sorted((self.path / part).glob("*.json")):
                _read_json(file, f"{part}/{file.name}")

    def _weights_of(self, part: str) -> list[Path]:
        found = self._found(part)
        if found is not None:
            file, _ = found
            return self._shards(file) if file.suffix == ".json" else [file]
        if self._has_pickle(part):
            raise ModelLoadError("MODEL_UNSAFE_FORMAT", f"{part} has pickled weights only: safetensors are needed")
        wanted = f"{self.variant} weights in safetensors" if self.variant else "safetensors weights"
        others = sorted(self._variants(part))
        known = f"; it has the variants {', '.join(name or '(none)' for name in others)}" if others else ""
        raise ModelLoadError("MODEL_LOAD_FAILED", f"{part} has no {wanted}{known}")

    def _found(self, part: str) -> tuple[Path, str] | None:
        """The weight file of a part, or the index of its shards, and its variant."""
        variants = self._variants(part)
        wanted = self.variant
        if not wanted and "" not in variants and len(variants) == 1:
            (wanted,) = variants
        return (variants[wanted], wanted) if wanted in variants else None

    def _variants(self, part: str) -> dict[str, Path]:
        """The weight file, or the index of shards, by variant."""
        folder = self.path / part
        found: dict[str, Path] = {}
        for file in sorted(folder.iterdir()) if folder.is_dir() else []:
            match = _WEIGHTS.fullmatch(file.name)
            if match and file.is_file():
                found.setdefault(match["whole"] or match["shards"] or "", file)
        return found

    def _has_pickle(self, part: str) -> bool:
        folder = self.path / part
        return folder.is_dir() and any(file.suffix in _PICKLES for file in folder.iterdir())

    def _shards(self, index: Path) -> list[Path]:
        weight_map = _read_object(index, f"{index.parent.name}/{index.name}").get("weight_map")
        names = set(weight_map.values()) if isinstance(weight_map, dict) else set()
        shards = sorted(index.parent / str(name) for name in names)
        if not shards or any(shard.parent != index.parent or not shard.is_file() for shard in shards):
            raise ModelLoadError("MODEL_LOAD_FAILED", f"{index.parent.name}: a shard of the weights is missing")
        return shards


def _read_json(file: Path, name: str) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelLoadError("MODEL_LOAD_FAILED", f"{name} is not JSON") from error


def _read_object(file: Path, name: str) -> dict[str, Any]:
    value = _read_json(file, name)
    if not isinstance(value, dict):
        raise ModelLoadError("MODEL_LOAD_FAILED", f"{name} is no object")
    return value
