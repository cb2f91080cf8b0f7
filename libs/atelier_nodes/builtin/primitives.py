"""Primitive nodes: constants in a graph."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

from atelier_nodes.builtin.declarations import InputTypes, flag, integer, number, text


class _Primitive:
    FUNCTION = "execute"
    CATEGORY = "utilities/primitive"
    RETURN_TYPES: ClassVar[tuple[str, ...]]

    def execute(self, value: Any) -> tuple[Any]:
        return (value,)


class PrimitiveInt(_Primitive):
    """A whole number."""

    RETURN_TYPES = ("INT",)

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"value": integer(0, -sys.maxsize, sys.maxsize, control_after_generate=True)}}


class PrimitiveFloat(_Primitive):
    """A number."""

    RETURN_TYPES = ("FLOAT",)

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"value": number(0.0, -sys.maxsize, sys.maxsize, 0.1)}}


class PrimitiveString(_Primitive):
    """A line of text."""

    RETURN_TYPES = ("STRING",)

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"value": text()}}


class PrimitiveStringMultiline(_Primitive):
    """Lines of text."""

    RETURN_TYPES = ("STRING",)

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"value": text(multiline=True)}}


class PrimitiveBoolean(_Primitive):
    """True or false."""

    RETURN_TYPES = ("BOOLEAN",)

    @classmethod
    def INPUT_TYPES(cls) -> InputTypes:
        return {"required": {"value": flag(False)}}


NODES: tuple[type, ...] = (
    PrimitiveInt,
    PrimitiveFloat,
    PrimitiveString,
    PrimitiveStringMultiline,
    PrimitiveBoolean,
)
