"""Node objects: one instance for each node and class, across executions."""

import threading
from collections.abc import Iterable
from typing import Any


class NodeObjects:
    """Instances of node classes, so that attributes that a node sets on `self` persist to the next execution."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[tuple[str, str], Any] = {}
        self._roots: dict[tuple[str, str], str] = {}

    def begin(self, node_ids: Iterable[str]) -> None:
        """Begins an execution, and drops the objects of nodes that its prompt does not have."""
        present = set(node_ids)
        with self._lock:
            gone = [key for key, root in self._roots.items() if root not in present]
            for key in gone:
                del self._objects[key], self._roots[key]

    def of(self, node_id: str, class_type: str, python_class: type, *, root: str) -> Any:
        """Returns the object of a node, and creates it if it does not exist.

        Args:
            node_id: The node.
            class_type: Its class.
            python_class: The class to instantiate.
            root: The node of the prompt that it comes from.
        """
        key = (node_id, class_type)
        with self._lock:
            found = self._objects.get(key)
        if found is not None and type(found) is python_class:
            return found
        made = python_class()
        with self._lock:
            self._objects[key], self._roots[key] = made, root
        return made

    def clear(self) -> None:
        """Drops all objects."""
        with self._lock:
            self._objects.clear()
            self._roots.clear()
