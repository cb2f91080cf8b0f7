"""Errors of graphs: refusals of a prompt, and failures that end an execution."""

from typing import Any


class GraphError(Exception):
    """A prompt that is refused before its nodes are validated.

    Attributes:
        error: The top-level error object of the response: `type`, `message`, `details`, `extra_info`.
    """

    def __init__(
        self, type_: str, message: str, *, details: str = "", extra_info: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.error: dict[str, Any] = error_object(type_, message, details, extra_info)

    @property
    def body(self) -> dict[str, Any]:
        """The body of the HTTP 400 response."""
        return {"error": self.error, "node_errors": {}}


def error_object(type_: str, message: str, details: str, extra_info: dict[str, Any] | None = None) -> dict[str, Any]:
    """An error in the shape that responses have, of a prompt or of a node."""
    return {"type": type_, "message": message, "details": details, "extra_info": extra_info or {}}


class NodeDeclarationError(Exception):
    """A Python class is not a node class: an attribute is missing or has the wrong shape."""


class NodeInputError(Exception):
    """A node cannot be called with its inputs.

    Its class does not exist, it requests an input that it does not have, a link leads to no node, or a list is empty.
    """


class NodeReturnError(Exception):
    """A node returned something that is not a result: a wrong type or shape, or a `ui` that is not JSON."""


class DuplicateNodeError(Exception):
    """An expansion adds a node whose id exists already."""


class DependencyCycleError(Exception):
    """No node can run, because nodes wait for each other."""


class GraphLimitError(Exception):
    """An execution exceeded a limit: depth or number of expanded nodes, or time."""


class RunInterruptedError(BaseException):
    """The execution is interrupted.

    Progress updates raise it inside a node. It is a `BaseException`, so that `except Exception` in a node does not
    catch it.
    """
