"""Declarations of Python node classes, each read once and when it is needed."""

from collections.abc import Iterator, Mapping

from atelier_graph.node_class import NodeClass


class NodeClasses(Mapping[str, NodeClass]):
    """The declarations of a set of Python classes.

    Classes may declare other inputs each time, such as the files of a folder: make a new object for each validation and
    each execution. Looking up a class raises `NodeDeclarationError` when it declares nothing usable.
    """

    def __init__(self, python_classes: Mapping[str, type], display_names: Mapping[str, str] | None = None) -> None:
        self.python_classes = python_classes
        self._display_names = display_names or {}
        self._read: dict[str, NodeClass] = {}

    def __getitem__(self, name: str) -> NodeClass:
        if name not in self._read:
            display_name = self._display_names.get(name, "")
            self._read[name] = NodeClass.of(name, self.python_classes[name], display_name=display_name)
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self.python_classes

    def __iter__(self) -> Iterator[str]:
        return iter(self.python_classes)

    def __len__(self) -> int:
        return len(self.python_classes)
