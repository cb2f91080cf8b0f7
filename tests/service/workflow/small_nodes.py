"""Small nodes in plain Python, and graphs of them."""

import json
from typing import Any, ClassVar

from atelier_graph.node_class import NodeClass


class Number:
    """Returns a number of 64 bits."""

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"
    CATEGORY = "small/numbers"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("INT", {"default": 1, "min": 0, "max": 2**64 - 1})}}

    def run(self, value: int) -> tuple[int]:
        return (value,)


class Add:
    """Adds two numbers."""

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"
    CATEGORY = "small/numbers"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"a": ("INT", {}), "b": ("INT", {"max": 1000})}}

    def run(self, a: int, b: int) -> tuple[int]:
        return (a + b,)


class Show:
    """Shows a number as text."""

    RETURN_TYPES: ClassVar[tuple[str, ...]] = ()
    FUNCTION = "run"
    CATEGORY = "small"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"number": ("INT", {"forceInput": True}), "mode": (["plain", "loud"],)}}

    def run(self, number: int, mode: str) -> dict[str, Any]:
        return {"ui": {"text": [f"{number}!" if mode == "loud" else str(number)]}}


SMALL_NODES: dict[str, type] = {"Number": Number, "Add": Add, "Show": Show}
SEED = 2**64 - 1


def described(nodes: dict[str, type]) -> dict[str, Any]:
    """Descriptions of nodes, as a worker reports them."""
    return {name: NodeClass.of(name, node).to_info() for name, node in nodes.items()}


def graph(value: int = 1, b: Any = 2) -> dict[str, Any]:
    """value + b, shown."""
    return {
        "1": {"class_type": "Number", "inputs": {"value": value}},
        "2": {"class_type": "Add", "inputs": {"a": ["1", 0], "b": b}},
        "3": {"class_type": "Show", "inputs": {"number": ["2", 0], "mode": "plain"}},
    }


def text(value: dict[str, Any]) -> str:
    """JSON text."""
    return json.dumps(value)
