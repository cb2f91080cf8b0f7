"""`comfy_execution.graph_utils`: graph builders, with which nodes expand into graphs."""

from atelier_graph.blocker import ExecutionBlocker
from atelier_graph.graph_builder import GraphBuilder, Node, add_graph_prefix
from atelier_graph.link import is_link

__all__ = ["ExecutionBlocker", "GraphBuilder", "Node", "add_graph_prefix", "is_link"]
