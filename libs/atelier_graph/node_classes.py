"""Declarations of Python node classes, each read once, on first use."""

from collections.abc import Iterator, Mapping

from atelier_graph.errors import NodeDeclarationError
from atelier_graph.node_class import NodeClass


class NodeClasses(Mapping[str, NodeClass]):
    """The declarations of a set of Python classes.

    A class may declare different inputs each time, such as the files of a folder: make a new object for each validation
    and each execution. Looking up a class raises `NodeDeclarationError` when its declaration is not valid.
    """

    def __init__(self, python_classes: Mapping[str, type], display_names: Mapping[str, str] | None = None) -> None:
        self.python_classes = python_classes
        self._display_names = display_names or {}
        self._read: dict[str, NodeClass | NodeDeclarationError] = {}

    def __getitem__(self, name: str) -> NodeClass:
        read = self._read.get(name)
        if read is None:
            read = self._read[name] = self._declared(name)
        if isinstance(read, NodeDeclarationError):
            raise read.with_traceback(None)
        return read

    def _declared(self, name: str) -> NodeClass | NodeDeclarationError:
        try:
            return NodeClass.of(name, self.python_classes[name], display_name=self._display_names.get(name, ""))
        except NodeDeclarationError as error:
            return error

    def __contains__(self, name: object) -> bool:
        return name in self.python_classes

    def __iter__(self) -> Iterator[str]:
        return iter(self.python_classes)

    def __len__(self) -> int:
        return len(self.python_classes)
