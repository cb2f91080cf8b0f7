"""No mesh: the calls of nodes where none was named, each refused with the flag that names one."""

from collections.abc import Sequence
from typing import Any, NoReturn

from atelier_nodes.mesh import MeshError, ModelInfo
from atelier_nodes.mesh.errors import NO_MESH


async def _refuse(*_call: Any) -> NoReturn:
    """Raises MeshError, whatever the call."""
    raise MeshError(
        NO_MESH, "This node needs a mesh, and none was named: start the server with --mesh URL and --key KEY"
    )


class NoMesh:
    """Implements `MeshCalls`: it offers no model, and raises MeshError for each call."""

    generate_image = staticmethod(_refuse)
    generate_clip = staticmethod(_refuse)
    read_asset = staticmethod(_refuse)
    store_asset = staticmethod(_refuse)

    async def models(self) -> Sequence[ModelInfo]:
        """Returns none."""
        return ()
