"""Known models: the latest list of the mesh's models, for declarations of nodes outside of any execution."""

from collections.abc import Sequence

from atelier_nodes.mesh.calls import ModelInfo

_known: tuple[ModelInfo, ...] = ()


def known_models() -> tuple[ModelInfo, ...]:
    """Returns the latest list; empty until the process has received one."""
    return _known


def set_known_models(models: Sequence[ModelInfo]) -> None:
    """Replaces the list. Host processes call it whenever their pool sends a new one."""
    global _known
    _known = tuple(models)
