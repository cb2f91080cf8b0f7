"""A mesh in memory: what node hosts reach through their pool."""

import asyncio
from collections.abc import Sequence

from atelier_nodes.mesh import (
    ClipAnswer,
    ClipCall,
    ImageAnswer,
    ImageCall,
    MeshError,
    MeshProgress,
    ModelInfo,
    OnMeshProgress,
)


class MemoryMesh:
    """Draws nothing: a picture is an id made of its prompt. Prompts decide what goes wrong.

    Attributes:
        calls: The calls so far.
        waiting: How many calls wait for `go_on`; those whose prompt is "wait" do.
        cancelled: How many calls were cancelled.
    """

    def __init__(self) -> None:
        self.assets: dict[str, bytes] = {}
        self.calls: list[ImageCall | ClipCall] = []
        self.waiting = 0
        self.cancelled = 0
        self.go_on = asyncio.Event()

    async def generate_image(self, call: ImageCall, on_progress: OnMeshProgress) -> ImageAnswer:
        """Returns a picture named after the prompt."""
        self.calls.append(call)
        steps = int(call.parameters.get("steps", 1))
        for step in range(steps):
            on_progress(MeshProgress(step + 1, steps))
        if call.parameters["prompt"] == "refuse":
            raise MeshError("MODEL_NOT_FOUND", "there is no such model")
        if call.parameters["prompt"] == "break":
            raise RuntimeError("a fault of the implementation")
        if call.parameters["prompt"] == "wait":
            self.waiting += 1
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            finally:
                self.waiting -= 1
        return ImageAnswer(f"job-{len(self.calls)}", (f"picture of {call.parameters['prompt']}",))

    async def generate_clip(self, call: ClipCall, on_progress: OnMeshProgress) -> ClipAnswer:
        """Returns a clip named after the prompt."""
        self.calls.append(call)
        on_progress(MeshProgress(1, 1))
        return ClipAnswer(f"job-{len(self.calls)}", (f"clip of {call.parameters['prompt']}",))

    async def read_asset(self, asset_id: str) -> bytes:
        """Returns what was stored."""
        if asset_id not in self.assets:
            raise MeshError("ASSET_NOT_FOUND", f"there is no asset {asset_id}")
        return self.assets[asset_id]

    async def store_asset(self, data: bytes, content_type: str, filename: str) -> str:
        """Stores it under a number."""
        asset_id = f"asset-{len(self.assets) + 1}"
        self.assets[asset_id] = data
        return asset_id

    async def models(self) -> Sequence[ModelInfo]:
        """Returns one."""
        return (ModelInfo("small", "image", "Small", {"steps": 4}),)
