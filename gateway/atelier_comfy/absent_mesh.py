"""Absent mesh: serves the calls of nodes when no mesh is configured."""

from collections.abc import Sequence

from atelier_nodes.mesh import MeshCalls, ModelInfo, NoMesh


class AbsentMesh:
    """Refuses each call of a node with an error that names the flags for a mesh."""

    def for_prompt(self, prompt_id: str) -> MeshCalls:  # noqa: ARG002
        """Returns calls that raise MeshError."""
        return NoMesh("this node needs a mesh, and none was named: start the server with --mesh URL and --key KEY")

    async def models(self) -> Sequence[ModelInfo]:
        """Returns an empty sequence."""
        return ()
