"""`protocol`: numbers of binary messages to clients."""

from atelier_nodes.packs.prompt_server import BinaryEventTypes

__all__ = ["BinaryEventTypes"]
