"""Descriptions of nodes: what an editor says about a class is the beginning of its docstring."""

from __future__ import annotations

import inspect


def described(node: type) -> type:
    """Gives a node class the DESCRIPTION that the engine reads, and returns it."""
    node.DESCRIPTION = description_of(node)  # type: ignore[attr-defined]
    return node


def description_of(node: type) -> str:
    """The first paragraph of a class's docstring, on one line."""
    return " ".join(inspect.cleandoc(node.__doc__ or "").partition("\n\n")[0].split())
