"""Graphs of the trivial nodes."""

from pathlib import Path
from typing import Any

Graph = dict[str, Any]


def shown(value: int = 424242, delay_s: float = 0.0) -> Graph:
    """A number plus one, shown."""
    return {
        "0": {"class_type": "Inc", "inputs": {"v": value, "d": delay_s}},
        "s": {"class_type": "Show", "inputs": {"v": ["0", 0]}},
    }


def gated(file: Path, value: int = 1) -> Graph:
    """A graph that runs until `file` exists."""
    return {
        "g": {"class_type": "Gate", "inputs": {"file": str(file), "v": value}},
        "s": {"class_type": "Show", "inputs": {"v": ["g", 0]}},
    }


def failing(how: str = "raise") -> Graph:
    """A graph whose second node fails."""
    return {
        "0": {"class_type": "Fail", "inputs": {"how": how}},
        "s": {"class_type": "Show", "inputs": {"v": ["0", 0]}},
    }


def chain(length: int, start: int = 0) -> Graph:
    """`length` nodes one after another, and the last one's number shown."""
    nodes = {"0": {"class_type": "Inc", "inputs": {"v": start, "d": 0.0}}}
    for number in range(1, length):
        nodes[str(number)] = {"class_type": "Inc", "inputs": {"v": [str(number - 1), 0], "d": 0.0}}
    return {**nodes, "s": {"class_type": "Show", "inputs": {"v": [str(length - 1), 0]}}}


def pairs(count: int, start: int = 0) -> Graph:
    """`count` independent pairs of a node and an output."""
    graph = {}
    for number in range(count):
        graph[f"a{number}"] = {"class_type": "Inc", "inputs": {"v": start + number, "d": 0.0}}
        graph[f"b{number}"] = {"class_type": "Show", "inputs": {"v": [f"a{number}", 0]}}
    return graph
