"""Placeholders for internals of models, which have no counterpart: weights are not in the host.

A placeholder can be imported, named and inherited from, so that the other nodes of a pack load. Calling it, or making
an object of a class that inherits from it, raises an error that names the pack, the node and what is missing.
"""

import sys
from abc import ABCMeta
from functools import cache
from types import FrameType
from typing import Any, NoReturn

from atelier_nodes.packs import registry


class ModelInternalsError(NotImplementedError):
    """A node uses internals of a model or of the executor."""


class ModelInternals(ABCMeta):
    """The type of placeholders: classes whose attributes are placeholders, and of which there are no objects."""

    missing_name: str

    def __call__(cls, *_: Any, **__: Any) -> NoReturn:
        """Raises the error of this placeholder."""
        raise missing(cls.missing_name)

    def __getattr__(cls, name: str) -> "ModelInternals":
        """Returns the placeholder of an attribute."""
        if name.startswith("__"):
            raise AttributeError(name)
        return placeholder(f"{cls.missing_name}.{name}")


@cache
def placeholder(name: str) -> ModelInternals:
    """Returns a placeholder.

    Args:
        name: As packs write it, with its module: `comfy.sd.load_checkpoint_guess_config`.
    """
    module, _, last = name.rpartition(".")
    return ModelInternals(last, (), {"missing_name": name, "__module__": module})


def missing(name: str) -> ModelInternalsError:
    """Returns the error for the use of `name`, with the pack and the node that use it."""
    pack, node = _user(sys._getframe(1))
    user = f"Pack {pack!r}" if pack else "A node"
    return ModelInternalsError(
        f"{user}{f', node {node},' if node else ''} uses {name}, which is missing: nodes cannot reach inside "
        "models, which run on the workers of the mesh, nor inside the executor"
    )


def _user(frame: FrameType | None) -> tuple[str, str]:
    """Returns the names of the pack whose code runs, and of the node class whose method is outermost in the stack."""
    pack = node = ""
    while frame is not None:
        if found := registry.pack_of(frame.f_code.co_filename):
            pack = pack or found.name
            node = _node_class(frame) or node
        frame = frame.f_back
    return pack, node


def _node_class(frame: FrameType) -> str:
    user = frame.f_locals.get("self", frame.f_locals.get("cls"))
    user_class = user if isinstance(user, type) else type(user)
    return next((name for name, node_class in registry.NODE_CLASSES.items() if node_class is user_class), "")
