"""Mesh errors: failures of calls to the mesh."""


class MeshError(Exception):
    """A call to the mesh failed; the node that made it fails with this error.

    Attributes:
        reason: A stable upper-case name such as MODEL_NOT_FOUND; that of the service if it returned one.
        message: For display; contains no paths, addresses or credentials.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} ({self.reason})"


NO_MESH = "NO_MESH"
"""The reason when no mesh is configured."""
