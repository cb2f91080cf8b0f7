"""Nodes of tests that write files, wait, fail, and ask the mesh."""

import asyncio
import io
from pathlib import Path
from typing import Any, ClassVar

from PIL import Image

from atelier_graph.context import current_node
from atelier_nodes.mesh import ImageCall, current_mesh
from tests.service.workflow.small_nodes import SMALL_NODES

GATES: dict[str, asyncio.Event] = {}
"""What a Gate waits for, by name."""
RAN: list[str] = []
"""The nodes that have run, in order."""


class SaveSquare:
    """Saves a picture in a sub-folder of the outputs, or what it is told to say."""

    RETURN_TYPES: ClassVar[tuple[str, ...]] = ()
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"color": ("STRING", {}), "size_px": ("INT", {"default": 8})},
            "optional": {"says": ("STRING", {"default": ""})},
            "hidden": {"places": "EXTRA_PNGINFO", "node_id": "UNIQUE_ID"},
        }

    def run(self, color: str, size_px: int, node_id: str, says: str = "", places: Any = None) -> dict[str, Any]:
        RAN.append(node_id)
        where = Path(places["output"]) / "squares"
        where.mkdir(exist_ok=True)
        Image.new("RGB", (size_px, size_px), color).save(where / f"{node_id}.png")
        name = says or f"{node_id}.png"
        return {"ui": {"images": [{"filename": name, "subfolder": "squares", "type": "output"}], "colors": [color]}}


class Gate:
    """Waits until its gate is opened, and counts the steps until then."""

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"name": ("STRING", {}), "value": ("INT", {})}}

    async def run(self, name: str, value: int) -> tuple[int]:
        node = current_node()
        assert node is not None
        node.report(1, 4)
        RAN.append(node.node_id)
        await GATES[name].wait()
        return (value,)


class Fail:
    """Raises an error."""

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("INT", {})}}

    def run(self, value: int) -> tuple[int]:
        raise ValueError(f"no {value} today")


class Draw:
    """A picture of the mesh, as the number of its asset's letters."""

    RETURN_TYPES = ("STRING", "INT")
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"prompt": ("STRING", {}), "seed": ("INT", {}), "steps": ("INT", {"default": 2})}}

    async def run(self, prompt: str, seed: int, steps: int) -> tuple[str, int]:
        node = current_node()
        assert node is not None
        parameters = {"prompt": prompt, "seed": seed, "steps": steps, "width_px": 64, "height_px": 64}
        answer = await current_mesh().generate_image(
            ImageCall(node.node_id, parameters), lambda progress: node.report(progress.step, progress.steps)
        )
        return answer.pictures[0], len(await current_mesh().read_asset(answer.pictures[0]))


class Store:
    """Stores so many equal files in the mesh."""

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"count": ("INT", {})}}

    async def run(self, count: int) -> tuple[int]:
        picture = io.BytesIO()
        Image.new("RGB", (8, 8)).save(picture, "PNG")
        stored = {await current_mesh().store_asset(picture.getvalue(), "image/png", "dot.png") for _ in range(count)}
        return (len(stored),)


class Misplace:
    """Fails on a file that is not there, with its path in the message."""

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}, "hidden": {"places": "EXTRA_PNGINFO"}}

    def run(self, places: Any = None) -> tuple[int]:
        return (len((Path(places["output"]) / "missing.png").read_bytes()),)


EXECUTION_NODES = {
    **SMALL_NODES,
    "Store": Store,
    "Misplace": Misplace,
    "SaveSquare": SaveSquare,
    "Gate": Gate,
    "Fail": Fail,
    "Draw": Draw,
}
