"""Absent mesh: what serves the calls of nodes where no mesh was named."""

from collections.abc import Sequence

from atelier_nodes.mesh import MeshCalls, ModelInfo, NoMesh


class AbsentMesh:
    """No mesh was named: each call of a node is refused with the flags that name one."""

    def for_prompt(self, prompt_id: str) -> MeshCalls:  # noqa: ARG002
        """Returns calls that raise MeshError."""
        return NoMesh("this node needs a mesh, and none was named: start the server with --mesh URL and --key KEY")

    async def models(self) -> Sequence[ModelInfo]:
        """Returns none."""
        return ()
