"""Writes the tables of docs/node-reference.md from the node classes themselves.

`python -m tools.node_reference` rewrites what lies between the marks; `--check` says whether it is up to date.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atelier_nodes.builtin import NODE_CLASSES
from atelier_nodes.builtin.descriptions import description_of

PAGE = Path(__file__).resolve().parents[1] / "docs" / "node-reference.md"
BEGIN = "<!-- begin: written by tools/node_reference.py -->\n"
END = "<!-- end -->\n"

_MAX_CHOICES = 8
# Choices that depend on the server: its models and its files.
_FOUND = frozenset({"ckpt_name", "file", "image", "latent", "lora_name", "model"})


def page(text: str) -> str:
    """`text` with new tables. Raises ValueError when a mark is missing."""
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{PAGE.name} has lost its marks")
    categories = sorted({category_of(node) for node in NODE_CLASSES.values()})
    return before + BEGIN + "\n" + "\n".join(map(table, categories)) + "\n" + END + after


def table(category: str) -> str:
    """The nodes of a category as Markdown."""
    nodes = [(name, node) for name, node in sorted(NODE_CLASSES.items()) if category_of(node) == category]
    rows = [f"| `{name}` | {meaning(node)} | {_inputs(node)} | {_outputs(node)} |" for name, node in nodes]
    head = ["| node | does | inputs | outputs |", "| --- | --- | --- | --- |"]
    return "\n".join([f"### {category}", "", *head, *rows, ""])


def category_of(node: Any) -> str:
    """The first part of a node's category."""
    category: str = node.CATEGORY
    return category.lstrip("_").partition("/")[0]


def meaning(node: type) -> str:
    """A node's description as a cell of a table."""
    return description_of(node).replace("|", r"\|")


def _inputs(node: Any) -> str:
    declared = node.INPUT_TYPES()
    required = [_input(name, *spec) for name, spec in declared.get("required", {}).items()]
    optional = [f"[{_input(name, *spec)}]" for name, spec in declared.get("optional", {}).items()]
    return ", ".join([*required, *optional])


def _input(name: str, kind: Any, options: Mapping[str, Any]) -> str:
    if isinstance(kind, list):
        shown = " · ".join(kind) if len(kind) <= _MAX_CHOICES and name not in _FOUND else "a choice"
        return f"{name}: {shown}"
    if "min" in options:
        return f"{name}: {kind} {options['default']} ({options['min']} to {options['max']})"
    return f"{name}: {kind}"


def _outputs(node: Any) -> str:
    return ", ".join(node.RETURN_TYPES) or "saved files"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is not up to date")
    check = parser.parse_args().check
    written = PAGE.read_text("utf-8")
    wanted = page(written)
    if check:
        if written != wanted:
            sys.exit("docs/node-reference.md is not up to date: run `python -m tools.node_reference`")
    else:
        PAGE.write_text(wanted, "utf-8")


if __name__ == "__main__":
    main()
