"""The known models: the latest list of the mesh's models, for what is declared outside of any execution."""

from collections.abc import Sequence

from atelier_nodes.mesh.calls import ModelInfo

_known: tuple[ModelInfo, ...] = ()


def known_models() -> tuple[ModelInfo, ...]:
    """Returns the models that the mesh offered last; a process has none until it receives them."""
    return _known


def set_known_models(models: Sequence[ModelInfo]) -> None:
    """Replaces the list. Host processes call it whenever their pool sends a new one."""
    global _known
    _known = tuple(models)
