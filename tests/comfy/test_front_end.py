"""The official front end in a real browser: it loads, runs the default graph, and shows the picture."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page

from atelier_comfy.client_socket import ClientSockets
from atelier_comfy.front_end import front_end_folder
from atelier_comfy.options import read_options
from atelier_comfy.server import serving
from atelier_nodes.builtin import NODE_CLASSES
from atelier_nodes.mesh import MeshCalls, ModelInfo, known_models, set_known_models
from atelier_nodes.packs.folders import NodeFolders, execution_folders
from tests.comfy.engine_pool import EnginePool
from tests.unit.nodes.memory_mesh import MemoryMesh

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOAD_MS = 60_000
SIZE_OF_PICTURE = """async url => {
    const picture = new Image();
    picture.src = url;
    await picture.decode();
    return [picture.naturalWidth, picture.naturalHeight];
}"""

DEFAULT_GRAPH = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "model": ["4", 0],
            "seed": 2**53 - 1,
            "steps": 4,
            "cfg": 8.0,
            "sampler_name": "euler",
            "scheduler": "normal",
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
            "denoise": 1.0,
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "shapes"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "red", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "ComfyUI"}},
}


class OneMesh:
    """The same mesh for all prompts."""

    def __init__(self, mesh: MemoryMesh) -> None:
        self._mesh = mesh

    def for_prompt(self, prompt_id: str) -> MeshCalls:
        return self._mesh

    async def models(self) -> Sequence[ModelInfo]:
        return await self._mesh.models()


@pytest_asyncio.fixture(loop_scope="session")
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """Of a server with the nodes that ship, a mesh in memory, and the front end's package."""
    mesh = OneMesh(MemoryMesh())
    before = known_models()
    set_known_models(await mesh.models())
    options = read_options(["--port", "0", "--base-directory", str(tmp_path)], {})
    try:
        with execution_folders(NodeFolders.under(tmp_path)):
            pool = EnginePool(NODE_CLASSES)
            async with serving(options, pool, mesh, ClientSockets(), front_end_folder(None)) as urls:
                yield urls[0]
    finally:
        set_known_models(before)


async def api(page: Page, path: str) -> Any:
    return await page.evaluate("path => fetch(path).then(response => response.json())", path)


async def test_the_default_graph_runs_and_its_picture_is_shown(url: str, page: Page) -> None:
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    await page.goto(url, timeout=LOAD_MS)
    await page.wait_for_function("() => window.app && window.app.graph && window.app.extensionManager", timeout=LOAD_MS)
    await page.evaluate("graph => window.app.loadApiJson(graph, 'default.json')", DEFAULT_GRAPH)
    await page.wait_for_function("() => window.app.graph.nodes.length === 7", timeout=LOAD_MS)
    await page.evaluate("() => window.app.queuePrompt(0)")
    await page.wait_for_function("() => Object.keys(window.app.nodeOutputs).length > 0", timeout=LOAD_MS)
    shown = await page.evaluate("() => Object.values(window.app.nodeOutputs).flatMap(output => output.images ?? [])")
    assert shown == [{"filename": "ComfyUI_00001_.png", "subfolder": "", "type": "output"}]
    # The canvas draws the picture when its node is in view; an element shows it at once.
    assert await page.evaluate(SIZE_OF_PICTURE, "/api/view?filename=ComfyUI_00001_.png") == [64, 64]
    (job,) = (await api(page, "/api/jobs"))["jobs"]
    assert (job["status"], job["preview_output"]["filename"]) == ("completed", "ComfyUI_00001_.png")
    assert faults == []


async def test_a_workflow_is_saved_and_found_again(url: str, page: Page) -> None:
    await page.goto(url, timeout=LOAD_MS)
    await page.wait_for_function("() => window.app && window.app.extensionManager?.workflow", timeout=LOAD_MS)
    saved = await page.evaluate(
        "() => window.app.api.storeUserData('workflows/mine.json', {a: 1}, {overwrite: true, stringify: true})"
        ".then(response => response.status)"
    )
    assert saved == 200
    assert await api(page, "/api/userdata?dir=workflows") == ["mine.json"]
