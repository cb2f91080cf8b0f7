"""Calls of nodes to the mesh: the port, its requests and results."""

from atelier_nodes.mesh.calls import (
    ClipAnswer,
    ClipCall,
    ImageAnswer,
    ImageCall,
    MeshCalls,
    MeshProgress,
    ModelInfo,
    OnMeshProgress,
)
from atelier_nodes.mesh.current import NoMesh, current_mesh, use_mesh
from atelier_nodes.mesh.errors import MeshError
from atelier_nodes.mesh.known_models import known_models, set_known_models

__all__ = [
    "ClipAnswer",
    "ClipCall",
    "ImageAnswer",
    "ImageCall",
    "MeshCalls",
    "MeshError",
    "MeshProgress",
    "ModelInfo",
    "NoMesh",
    "OnMeshProgress",
    "current_mesh",
    "known_models",
    "set_known_models",
    "use_mesh",
]
