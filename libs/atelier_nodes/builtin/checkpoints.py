"""Checkpoint and LoRA nodes: the model of the mesh that draws."""

from __future__ import annotations

from typing import Any

from atelier_nodes.builtin.declarations import InputTypes, choice, linked, number
from atelier_nodes.builtin.mesh_values import ClipValue, ModelValue, VaeValue
from atelier_nodes.mesh import known_models

# Files of weights, as graphs of ComfyUI name them: a model may be named as its file.
_SUFFIXES = (".safetensors", ".ckpt")
_NO_LORA = "the image service has no LoRA yet: take the node out, or draw without it"


class CheckpointLoaderSimple:
    """A model of the mesh: its denoiser, text encoders and autoencoder."""

    RETURN_TYPES = ("MODEL", "CLIP", "VAE")
    FUNCTION = "load_checkpoint"
    CATEGORY = "loaders"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"ckpt_name": choice(model_names("image"))}}

    @classmethod
    def VALIDATE_INPUTS(cls, ckpt_name: str | None = None) -> bool | str:
        if ckpt_name is None:
            return True
        return bool(named_model(ckpt_name)) or _unknown(ckpt_name)

    def load_checkpoint(self, ckpt_name: str) -> tuple[ModelValue, ClipValue, VaeValue]:
        model = named_model(ckpt_name)
        if not model:
            raise ValueError(_unknown(ckpt_name))
        return ModelValue(model), ClipValue(model), VaeValue(model)


class LoraLoader:
    """A model changed by a LoRA: there for its error, until the image service has LoRA."""

    RETURN_TYPES: tuple[str, ...] = ("MODEL", "CLIP")
    FUNCTION = "load_lora"
    CATEGORY = "loaders"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "model": linked("MODEL"),
                "clip": linked("CLIP"),
                "lora_name": choice(()),
                "strength_model": number(1.0, -100.0, 100.0),
                "strength_clip": number(1.0, -100.0, 100.0),
            }
        }

    @classmethod
    def VALIDATE_INPUTS(cls, lora_name: str | None = None) -> bool | str:
        return _NO_LORA

    def load_lora(
        self,
        model: Any,
        clip: Any,
        lora_name: str,
        strength_model: float,
        strength_clip: float,
    ) -> tuple[Any, Any]:
        raise ValueError(_NO_LORA)


class LoraLoaderModelOnly(LoraLoader):
    """A denoiser changed by a LoRA: see `LoraLoader`."""

    RETURN_TYPES = ("MODEL",)
    FUNCTION = "load_lora_model_only"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "model": linked("MODEL"),
                "lora_name": choice(()),
                "strength_model": number(1.0, -100.0, 100.0),
            }
        }

    def load_lora_model_only(self, model: Any, lora_name: str, strength_model: float) -> tuple[Any]:
        raise ValueError(_NO_LORA)


NODES: tuple[type, ...] = (CheckpointLoaderSimple, LoraLoader, LoraLoaderModelOnly)


def model_names(kind: str) -> tuple[str, ...]:
    """The ids of the mesh's models of a kind, `image` or `video`, the default first."""
    return tuple(model.id for model in known_models() if model.kind == kind)


def named_model(name: str, kind: str = "image") -> str:
    """The id of the model that a name means: the id, or the id as a file's name; empty if there is none."""
    names = model_names(kind)
    plain = next((name.removesuffix(suffix) for suffix in _SUFFIXES if name.endswith(suffix)), name)
    return next((candidate for candidate in (name, plain) if candidate in names), "")


def _unknown(name: str) -> str:
    names = model_names("image")
    offered = f"it has {', '.join(names)}" if names else "it offers none; is there a mesh?"
    return f"the mesh has no image model {name!r}; {offered}"
