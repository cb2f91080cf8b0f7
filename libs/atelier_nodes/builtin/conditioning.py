"""Conditioning nodes: texts for samplers.

The image service takes one text and one negative text. A graph that combines several is refused here, with the name
of the node, rather than drawn as something else.
"""

from __future__ import annotations

from typing import Any

from atelier_nodes.builtin.declarations import InputTypes, integer, linked, number, text
from atelier_nodes.builtin.mesh_values import ClipValue, Conditioning, EncodedText, require_kind
from atelier_nodes.builtin.prompt_syntax import plain_text, unsupported_syntax

_NOT_COMBINED = "the image service takes one text a picture, and cannot combine several"


class CLIPTextEncode:
    """A text as a model's encoders read it."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "encode"
    CATEGORY = "conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"text": text(multiline=True, dynamicPrompts=True), "clip": linked("CLIP")}}

    @classmethod
    def VALIDATE_INPUTS(cls, text: str | None = None) -> bool | str:
        return unsupported_syntax(text or "") or True

    def encode(self, clip: ClipValue, text: str) -> tuple[Conditioning]:
        require_kind(clip, ClipValue, "clip")
        if wrong := unsupported_syntax(text):
            raise ValueError(wrong)
        return ([[EncodedText(clip, plain_text(text)), {}]],)


class CLIPSetLastLayer:
    """Text encoders that stop early; the image service reads their last layer, -1, only."""

    RETURN_TYPES = ("CLIP",)
    FUNCTION = "set_last_layer"
    CATEGORY = "conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"clip": linked("CLIP"), "stop_at_clip_layer": integer(-1, -24, -1)}}

    @classmethod
    def VALIDATE_INPUTS(cls, stop_at_clip_layer: int | None = None) -> bool | str:
        return _not_last(stop_at_clip_layer) or True

    def set_last_layer(self, clip: ClipValue, stop_at_clip_layer: int) -> tuple[ClipValue]:
        if wrong := _not_last(stop_at_clip_layer):
            raise ValueError(wrong)
        return (clip,)


class ConditioningCombine:
    """Two texts, of which a picture is drawn side by side."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "combine"
    CATEGORY = "conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"conditioning_1": linked("CONDITIONING"), "conditioning_2": linked("CONDITIONING")}}

    @classmethod
    def VALIDATE_INPUTS(cls, conditioning_1: object = None) -> bool | str:
        return _NOT_COMBINED

    def combine(self, conditioning_1: Conditioning, conditioning_2: Conditioning) -> tuple[Conditioning]:
        return (conditioning_1 + conditioning_2,)


class ConditioningConcat:
    """A text after another one, each read by itself."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "concat"
    CATEGORY = "conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"conditioning_to": linked("CONDITIONING"), "conditioning_from": linked("CONDITIONING")}}

    @classmethod
    def VALIDATE_INPUTS(cls, conditioning_to: object = None) -> bool | str:
        return _NOT_COMBINED

    def concat(self, conditioning_to: Conditioning, conditioning_from: Conditioning) -> tuple[Conditioning]:
        raise ValueError(_NOT_COMBINED)


class ConditioningAverage:
    """A text between two others; the image service takes it at either end, where it is one of them."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "addWeighted"
    CATEGORY = "conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {
            "required": {
                "conditioning_to": linked("CONDITIONING"),
                "conditioning_from": linked("CONDITIONING"),
                "conditioning_to_strength": number(1.0, 0.0, 1.0),
            }
        }

    @classmethod
    def VALIDATE_INPUTS(cls, conditioning_to_strength: float | None = None) -> bool | str:
        return conditioning_to_strength in (None, 0.0, 1.0) or _NOT_COMBINED

    def addWeighted(
        self, conditioning_to: Conditioning, conditioning_from: Conditioning, conditioning_to_strength: float
    ) -> tuple[Conditioning]:
        if conditioning_to_strength not in (0.0, 1.0):
            raise ValueError(_NOT_COMBINED)
        return (conditioning_to if conditioning_to_strength else conditioning_from,)


class ConditioningZeroOut:
    """A text whose encoding is replaced by zeros, as a negative for samplers without guidance."""

    RETURN_TYPES = ("CONDITIONING",)
    FUNCTION = "zero_out"
    CATEGORY = "advanced/conditioning"

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"conditioning": linked("CONDITIONING")}}

    def zero_out(self, conditioning: Conditioning) -> tuple[Conditioning]:
        return ([[_zeroed(text), options] for text, options in conditioning],)


NODES: tuple[type, ...] = (
    CLIPTextEncode,
    CLIPSetLastLayer,
    ConditioningCombine,
    ConditioningConcat,
    ConditioningAverage,
    ConditioningZeroOut,
)


def _zeroed(text: Any) -> EncodedText:
    require_kind(text, EncodedText, "conditioning")
    return EncodedText(text.clip, text.text, zeroed=True)


def _not_last(layer: int | None) -> str:
    if layer in (None, -1):
        return ""
    return f"the image service reads the last layer of the text encoders, -1, and not layer {layer}"
