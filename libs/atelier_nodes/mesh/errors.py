"""Mesh errors: why a call of a node was not served."""


class MeshError(Exception):
    """A call to the mesh failed; the node that made it fails with this error.

    Attributes:
        reason: Stable, upper-case, such as MODEL_NOT_FOUND; that of the service where it has one.
        message: For a person; free of paths, addresses and credentials.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} ({self.reason})"


NO_MESH = "NO_MESH"
"""The reason when a graph runs where no mesh is configured."""
