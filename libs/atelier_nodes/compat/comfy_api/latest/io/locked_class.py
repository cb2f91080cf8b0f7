"""Locked classes: what a call of a V3 node runs on, so that nothing it sets on its class outlives the call."""

import functools
from typing import Any


class Locked(type):
    """The class of classes whose attributes cannot be set."""

    def __setattr__(cls, name: str, value: object) -> None:
        _refuse(cls, name)
        super().__setattr__(name, value)

    def __delattr__(cls, name: str) -> None:
        _refuse(cls, name)
        super().__delattr__(name)


def locked(python_class: type, attributes: dict[str, Any]) -> Any:
    """Returns a subclass with attributes, which cannot be changed any more.

    Args:
        python_class: What it is like; also in name and module.
        attributes: What it has of its own.
    """
    named = {"__module__": python_class.__module__, "__qualname__": python_class.__qualname__}
    made = _metaclass(type(python_class))(python_class.__name__, (python_class,), {**named, **attributes})
    type.__setattr__(made, "_is_locked", True)  # not before: a pack's __init_subclass__ may set attributes
    return made


@functools.cache
def _metaclass(of: type) -> type:
    return Locked if of is type else type("Locked", (Locked, of), {})


def _refuse(cls: type, name: str) -> None:
    if "_is_locked" in vars(cls):
        raise AttributeError(
            f"{cls.__name__}.{name} cannot be changed: a V3 node has no state between calls; return what is to be kept"
        )
