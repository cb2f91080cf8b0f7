"""The contracts of the mesh: every generated module of `atelier`, loaded when it is needed."""

from functools import cache
from importlib import import_module
from pkgutil import walk_packages

from google.protobuf.descriptor import FileDescriptor

import atelier


@cache
def load_contracts() -> tuple[FileDescriptor, ...]:
    """All contracts; their messages are then in the default descriptor pool, where JSON of an `Any` looks for them."""
    names = (module.name for module in walk_packages(atelier.__path__, "atelier."))
    return tuple(import_module(name).DESCRIPTOR for name in names if name.endswith("_pb2"))
