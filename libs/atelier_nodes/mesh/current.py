"""The current mesh: that of the execution in which the caller runs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from atelier_nodes.mesh.calls import (
    ClipAnswer,
    ClipCall,
    ImageAnswer,
    ImageCall,
    MeshCalls,
    ModelInfo,
    OnMeshProgress,
)
from atelier_nodes.mesh.errors import NO_MESH, MeshError


class NoMesh:
    """Stands for a mesh that is not configured: it has no models, and every other call raises MeshError."""

    def __init__(self, message: str = "this server has no mesh to draw with") -> None:
        self._message = message

    async def generate_image(self, call: ImageCall, on_progress: OnMeshProgress) -> ImageAnswer:  # noqa: ARG002
        """Raises MeshError with NO_MESH."""
        raise MeshError(NO_MESH, self._message)

    async def generate_clip(self, call: ClipCall, on_progress: OnMeshProgress) -> ClipAnswer:  # noqa: ARG002
        """Raises MeshError with NO_MESH."""
        raise MeshError(NO_MESH, self._message)

    async def read_asset(self, asset_id: str) -> bytes:  # noqa: ARG002
        """Raises MeshError with NO_MESH."""
        raise MeshError(NO_MESH, self._message)

    async def store_asset(self, data: bytes, content_type: str, filename: str) -> str:  # noqa: ARG002
        """Raises MeshError with NO_MESH."""
        raise MeshError(NO_MESH, self._message)

    async def models(self) -> Sequence[ModelInfo]:
        """Returns an empty sequence."""
        return ()


_current: ContextVar[MeshCalls | None] = ContextVar("atelier_mesh", default=None)


def current_mesh() -> MeshCalls:
    """Returns the mesh of the caller's execution; outside of any, a `NoMesh`."""
    return _current.get() or NoMesh("no graph is running")


@contextmanager
def use_mesh(mesh: MeshCalls) -> Iterator[None]:
    """Makes `mesh` the current one inside the block, and in the tasks that start there."""
    token = _current.set(mesh)
    try:
        yield
    finally:
        _current.reset(token)
