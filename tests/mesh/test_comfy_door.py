"""`atelier comfy` beside a mesh that draws: pictures, progress, and `kill -9` in the middle of a sampler."""

from pathlib import Path
from typing import Any

from atelier_client import AsyncClient
from tests.comfy.comfy_client import ComfyClient, comfy_client
from tests.comfy.comfy_process import comfy_process, free_port
from tests.mesh.picture import colour_at
from tests.mesh.running_mesh import RunningMesh
from tests.mesh.seed import new_seed
from tests.support.wait import eventually
from tests.unit.nodes.graphs import Graph, default_graph

WAIT_S = 60.0
RED_ON_BLUE = "a red circle on a blue background"


def drawn(steps: int) -> Graph:
    settings: dict[str, Any] = {"cfg": 2.5, "sampler_name": "ddim", "scheduler": "ddim_uniform"}
    return default_graph("demo-image", RED_ON_BLUE, seed=new_seed(), steps=steps, **settings)


async def models_are_known(client: ComfyClient) -> None:
    """Waits until the checkpoints are those of the mesh."""

    async def offered() -> bool:
        info = await client.get("/object_info/CheckpointLoaderSimple")
        return "demo-image" in str(info)

    await eventually(offered, WAIT_S)


async def view(client: ComfyClient, entry: dict[str, Any]) -> bytes:
    (picture,) = entry["outputs"]["9"]["images"]
    async with client.session.get(f"{client.url}/view", params=picture) as response:
        assert response.status == 200
        return await response.read()


async def test_the_default_graph_is_drawn_by_the_mesh_with_progress_and_previews(
    mesh: RunningMesh, tmp_path: Path
) -> None:
    flags = ("--mesh", mesh.url, "--key", mesh.api_key)
    async with comfy_process(tmp_path, *flags) as server, comfy_client(server.url) as client:
        await client.socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
        await models_are_known(client)
        assert "demo-image" in await client.get("/models/checkpoints")
        prompt_id = await client.submit(drawn(12))
        messages = await client.until_end(prompt_id)
        steps = [message["data"] for message in messages if message["type"] == "progress"]
        assert {(step["node"], step["max"]) for step in steps} == {("3", 12)}
        assert steps[-1]["value"] == 12
        entry = (await client.get(f"/history/{prompt_id}"))[prompt_id]
        assert entry["status"]["completed"], entry["status"]
        content = await view(client, entry)
        assert (colour_at(content, 0.5, 0.5), colour_at(content, 0.03, 0.03)) == ("red", "blue")


async def test_a_kill_in_the_middle_of_a_sampler_costs_no_second_job(mesh: RunningMesh, tmp_path: Path) -> None:
    flags, port = ("--mesh", mesh.url, "--key", mesh.api_key), free_port()
    async with AsyncClient(mesh.url, mesh.api_key) as jobs:
        before = {image.id async for image in jobs.images.list()}
        async with comfy_process(tmp_path, *flags, port=port) as server, comfy_client(server.url) as client:
            await models_are_known(client)
            prompt_id = await client.submit(drawn(100))
            await client.until("progress", node="3")
            await server.kill()
        async with comfy_process(tmp_path, *flags, port=port) as server, comfy_client(server.url) as client:
            history = await eventually(lambda: client.get(f"/history/{prompt_id}"), WAIT_S)
            assert history[prompt_id]["status"]["completed"], history[prompt_id]["status"]
            assert colour_at(await view(client, history[prompt_id]), 0.5, 0.5) == "red"
        made = {image.id async for image in jobs.images.list()} - before
        assert len(made) == 1
