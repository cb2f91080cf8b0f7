"""Decoded nodes: the nodes of a graph whose latent is decoded, so that one job can return the picture too."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

_MAX_GRAPHS = 32
_DECODERS = frozenset({"VAEDecode", "VAEDecodeTiled"})


def decoded_nodes(graph: Mapping[str, Any]) -> frozenset[str]:
    """The ids of the nodes whose outputs a VAEDecode reads.

    Args:
        graph: In API format.
    """
    links = (
        node.get("inputs", {}).get("samples")
        for node in graph.values()
        if isinstance(node, Mapping) and node.get("class_type") in _DECODERS
    )
    return frozenset(str(link[0]) for link in links if isinstance(link, list) and len(link) == 2)


class DecodedNodes:
    """The decoded nodes of the graphs that ran last: a graph of many samplers is searched once."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, frozenset[str]] = OrderedDict()

    def includes(self, prompt_id: str, node_id: str, graph: Mapping[str, Any]) -> bool:
        """Whether the latent of `node_id` is decoded. True for a node that an expansion added: it may be.

        Args:
            prompt_id: The execution.
            node_id: The sampler.
            graph: The graph as it was submitted.
        """
        if node_id not in graph:
            return True
        if prompt_id not in self._found:
            self._found[prompt_id] = decoded_nodes(graph)
            if len(self._found) > _MAX_GRAPHS:
                self._found.popitem(last=False)
        return node_id in self._found[prompt_id]
