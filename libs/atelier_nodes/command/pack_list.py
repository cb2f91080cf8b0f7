"""The list of packs, as a table and as JSON."""

import textwrap
from typing import Any

from atelier_nodes.pool.catalogue import NodeCatalogue, PackEntry

_WIDTH = 100


def pack_list(catalogue: NodeCatalogue) -> str:
    """Returns a line for each pack, and below it its nodes and notes."""
    if not catalogue.packs:
        return "There are no packs."
    width = max(len("PACK"), *(len(pack.name) for pack in catalogue.packs))
    lines = [f"{'PACK':{width}}  NODES  OUTCOME"]
    for pack in catalogue.packs:
        lines.append(f"{pack.name:{width}}  {len(pack.nodes):5}  {_outcome(pack)}")
        lines.extend(_below(", ".join(pack.nodes)))
        for note in pack.notes:
            lines.extend(_below(f"! {note}"))
    failed = sum(bool(pack.error) for pack in catalogue.packs)
    nodes = sum(len(pack.nodes) for pack in catalogue.packs)
    lines.append(f"{_count(len(catalogue.packs), 'pack')}, {failed} of which did not load; {_count(nodes, 'node')}")
    return "\n".join(lines)


def pack_list_json(catalogue: NodeCatalogue) -> dict[str, Any]:
    """Returns the reports of all packs as JSON values."""
    return {
        "packs": [
            {
                "name": pack.name,
                "path": pack.path,
                "nodes": list(pack.nodes),
                "error": pack.error,
                "notes": list(pack.notes),
                "seconds": round(pack.seconds, 3),
            }
            for pack in catalogue.packs
        ]
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _outcome(pack: PackEntry) -> str:
    return f"not loaded: {pack.error}" if pack.error else f"loaded in {pack.seconds:.2f} s"


def _below(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="    ", subsequent_indent="    ")
