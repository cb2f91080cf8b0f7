"""Descriptions of nodes: the text that editors show for a class is the first paragraph of its docstring."""

from __future__ import annotations

import inspect


def described(node: type) -> type:
    """Gives a node class the DESCRIPTION that the engine reads, and returns it."""
    node.DESCRIPTION = description_of(node)  # type: ignore[attr-defined]
    return node


def description_of(node: type) -> str:
    """The first paragraph of a class's docstring, on one line."""
    return " ".join(inspect.cleandoc(node.__doc__ or "").partition("\n\n")[0].split())
