"""Limits on graphs and their executions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphLimits:
    """What a prompt and one execution of it may take.

    Attributes:
        nodes: Nodes of a prompt.
        expanded_nodes: Nodes that the expansions of one execution add.
        expansion_depth: How deep expansions nest. Each iteration of a loop is one level deeper than the one before.
        seconds: Time of one execution, checked before each call of a node, in progress updates and while it waits for
            asynchronous nodes; None for no limit.
    """

    nodes: int = 10_000
    expanded_nodes: int = 100_000
    expansion_depth: int = 2_000
    seconds: float | None = None
