"""Storage allowance: how many files the nodes of an attempt may store, and their total size."""

from atelier_nodes.mesh import MeshError

MOST_FILES = 10_000
MOST_BYTES = 4 << 30


class StorageAllowance:
    """Counts the files that the nodes of one attempt store: nodes are not trusted."""

    def __init__(self, *, files: int = MOST_FILES, size_bytes: int = MOST_BYTES) -> None:
        self._files = files
        self._bytes = size_bytes

    def take(self, size_bytes: int) -> None:
        """Counts one more file of this size. Raises MeshError, STORED_TOO_MUCH."""
        if self._files < 1 or self._bytes < size_bytes:
            raise MeshError("STORED_TOO_MUCH", "the execution has stored too many files, or too large ones")
        self._files -= 1
        self._bytes -= size_bytes
