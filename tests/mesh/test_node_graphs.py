"""Graphs in ComfyUI's form, run by the engine, drawn by a mesh: the default graph, two passes, pictures and masks."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image, ImageChops

from atelier_client import AsyncClient
from atelier_comfy.mesh_client import ClientMesh
from atelier_nodes.mesh import set_known_models
from atelier_nodes.packs.folders import NodeFolders, execution_folders
from tests.mesh.picture import colour_at
from tests.mesh.running_mesh import RunningMesh
from tests.mesh.seed import new_seed
from tests.unit.nodes.graph_run import GraphRun
from tests.unit.nodes.graphs import Graph, default_graph, image_to_image, in_two_parts, second_pass

RED_ON_BLUE = "a red circle on a blue background"
YELLOW_ON_GREEN = "a yellow circle on a green background"


@pytest.fixture
async def client(mesh: RunningMesh) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(mesh.url, mesh.api_key) as client:
        yield client


@pytest.fixture
async def graphs(client: AsyncClient, tmp_path: Path) -> AsyncIterator[GraphRun]:
    folders = NodeFolders.under(tmp_path)
    for folder in (folders.input, folders.output, folders.temp):
        folder.mkdir()
    with execution_folders(folders):
        yield GraphRun(ClientMesh(client).for_prompt(str(uuid4())), folders)
    set_known_models(())


def drawn(prompt: str, *, seed: int | None = None, **sampler: Any) -> Graph:
    settings: dict[str, Any] = {"steps": 12, "cfg": 2.5, "sampler_name": "ddim", "scheduler": "ddim_uniform", **sampler}
    return default_graph("demo-image", prompt, seed=new_seed() if seed is None else seed, **settings)


def colours(file: Path) -> tuple[str, str]:
    """The colours in the middle and at the edge."""
    content = file.read_bytes()
    return colour_at(content, 0.5, 0.5), colour_at(content, 0.03, 0.03)


def pixels(file: Path) -> Image.Image:
    with Image.open(file) as picture:
        return picture.convert("RGB")


def largest_difference(first: Path, second: Path) -> int:
    return int(np.asarray(ImageChops.difference(pixels(first), pixels(second))).max())


async def jobs_of(client: AsyncClient) -> int:
    return len([job async for job in client.jobs.list()])


async def test_the_default_graph_is_one_job_and_follows_its_prompt(graphs: GraphRun, client: AsyncClient) -> None:
    before = await jobs_of(client)
    (file,) = await graphs.draw(drawn(RED_ON_BLUE))
    assert colours(file) == ("red", "blue")
    assert await jobs_of(client) == before + 1
    assert graphs.progress_of("3")[-1] == (12, 12)


async def test_a_seed_of_64_bits_arrives_unchanged(graphs: GraphRun, client: AsyncClient) -> None:
    seed = 2**63 + new_seed()
    (file,) = await graphs.draw(drawn(RED_ON_BLUE, seed=seed))
    assert colours(file) == ("red", "blue")
    seeds = [image.parameters.wide_seed async for image in client.images.list()]
    assert seed in seeds


async def test_a_second_pass_goes_on_from_a_scaled_latent(graphs: GraphRun) -> None:
    graph = second_pass(drawn(RED_ON_BLUE), RED_ON_BLUE, scale_by=1.5, denoise=0.6)
    (file,) = await graphs.draw(graph)
    assert pixels(file).size == (384, 384)
    assert colours(file) == ("red", "blue")


async def test_two_samplers_of_one_schedule_draw_what_one_draws(graphs: GraphRun) -> None:
    graph = drawn(RED_ON_BLUE)
    (whole,) = await graphs.draw(graph)
    (parts,) = await graphs.draw(in_two_parts(graph, 5))
    assert largest_difference(whole, parts) <= 2


async def test_a_batch_of_more_than_a_job_draws_each_seed_as_it_is_drawn_alone(graphs: GraphRun) -> None:
    seed = new_seed()
    graph = drawn(RED_ON_BLUE, seed=seed, steps=4)
    graph["5"]["inputs"]["batch_size"] = 10
    batch = await graphs.draw(graph)
    (alone,) = await graphs.draw(drawn(RED_ON_BLUE, seed=seed + 9, steps=4))
    assert len(batch) == 10
    assert largest_difference(batch[9], alone) == 0


async def test_a_picture_is_drawn_anew_under_another_colour(graphs: GraphRun) -> None:
    (first,) = await graphs.draw(drawn(RED_ON_BLUE))
    graph = image_to_image(drawn(YELLOW_ON_GREEN), f"{first.name} [output]", denoise=0.6)
    (second,) = await graphs.draw(graph)
    assert colours(second)[0] == "yellow"


async def test_what_is_not_masked_stays_as_it_is(graphs: GraphRun) -> None:
    (first,) = await graphs.draw(drawn(RED_ON_BLUE))
    mask = Image.new("RGB", (256, 256))
    mask.paste((255, 255, 255), (128, 0, 256, 256))
    mask.save(graphs.folders.input / "mask.png")
    graph = image_to_image(drawn(YELLOW_ON_GREEN), f"{first.name} [output]", denoise=1.0, mask="mask.png")
    (second,) = await graphs.draw(graph)
    left = (0, 0, 128, 256)
    assert pixels(second).crop(left).tobytes() == pixels(first).crop(left).tobytes()
    assert colour_at(second.read_bytes(), 0.97, 0.03) == "green"


async def test_an_encoded_picture_is_decoded_as_it_was(graphs: GraphRun) -> None:
    (first,) = await graphs.draw(drawn(RED_ON_BLUE))
    graph = image_to_image(drawn(RED_ON_BLUE), f"{first.name} [output]", denoise=1.0)
    graph["8"]["inputs"]["samples"] = ["21", 0]
    (second,) = await graphs.draw(graph)
    assert colours(second) == colours(first)


async def test_one_node_makes_a_picture_or_a_clip(graphs: GraphRun) -> None:
    picture = {"model": "demo-image", "prompt": RED_ON_BLUE, "seed": new_seed()}
    clip = {"model": "demo-video", "prompt": "a red circle moves right on a blue background", "seed": new_seed()}
    graph: Graph = {
        "1": {"class_type": "AtelierTextToImage", "inputs": picture},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "one"}},
        "3": {"class_type": "AtelierTextToClip", "inputs": {**clip, "frames": 8, "steps": 4}},
        "4": {
            "class_type": "SaveVideo",
            "inputs": {"video": ["3", 0], "filename_prefix": "one", "format": "auto", "codec": "auto"},
        },
    }
    files = await graphs.draw(graph)
    assert sorted(file.suffix for file in files) == [".mp4", ".png"]
    (image,) = [file for file in files if file.suffix == ".png"]
    assert colours(image) == ("red", "blue")
