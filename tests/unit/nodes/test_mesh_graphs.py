"""Whole graphs: run by the engine, drawn by a mesh in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PIL import Image
from tests.unit.nodes.graph_run import GraphRun, colour_at
from tests.unit.nodes.graphs import default_graph, image_to_image, second_pass
from tests.unit.nodes.memory_mesh import MemoryMesh

from atelier_nodes.mesh import set_known_models
from atelier_nodes.packs.folders import NodeFolders


@pytest.fixture
def mesh() -> MemoryMesh:
    return MemoryMesh()


@pytest.fixture
def graphs(mesh: MemoryMesh, folders: NodeFolders) -> Iterator[GraphRun]:
    yield GraphRun(mesh, folders)
    set_known_models(())


async def test_the_default_graph_is_one_job_and_shows_its_prompt(mesh: MemoryMesh, graphs: GraphRun) -> None:
    (file,) = await graphs.draw(default_graph("shapes", "red"))
    assert colour_at(file) == (255, 0, 0)
    assert [call["outputs"] for call in mesh.calls] == [["PICTURE", "LATENT"]]
    assert graphs.progress_of("3")[-1] == (4, 4)


async def test_the_file_holds_the_graph(graphs: GraphRun) -> None:
    (file,) = await graphs.draw(default_graph("shapes", "red"))
    with Image.open(file) as picture:
        assert '"text": "red"' in picture.info["prompt"]


async def test_a_graph_that_is_run_again_makes_no_job_and_another_seed_one(mesh: MemoryMesh, graphs: GraphRun) -> None:
    await graphs.draw(default_graph("shapes", "red"))
    await graphs.draw(default_graph("shapes", "red"))
    assert len(graphs.cached()) == 7
    await graphs.draw(default_graph("shapes", "red", seed=2**63))
    assert [call.get("wide_seed") for call in mesh.calls] == [None, str(2**63)]


async def test_two_passes_are_two_jobs_and_one_stored_latent(mesh: MemoryMesh, graphs: GraphRun) -> None:
    graph = second_pass(default_graph("shapes", "red"), "blue", scale_by=2, denoise=0.5)
    (file,) = await graphs.draw(graph)
    assert colour_at(file) == (128, 0, 128)
    assert [call["outputs"] for call in mesh.calls] == [["LATENT"], ["PICTURE", "LATENT"]]
    with Image.open(file) as picture:
        assert picture.size == (512, 512)


async def test_a_picture_is_drawn_over_where_its_mask_is_white(graphs: GraphRun, folders: NodeFolders) -> None:
    Image.new("RGB", (256, 256), (0, 255, 0)).save(folders.input / "green.png")
    half = Image.new("RGB", (256, 256))
    half.paste((255, 255, 255), (128, 0, 256, 256))
    half.save(folders.input / "mask.png")
    graph = image_to_image(default_graph("shapes", "red"), "green.png", denoise=1.0, mask="mask.png")
    (file,) = await graphs.draw(graph)
    assert colour_at(file, 0.25) == (0, 255, 0)
    assert colour_at(file, 0.75) == (255, 0, 0)


async def test_samplers_that_are_ready_run_at_the_same_time(folders: NodeFolders) -> None:
    mesh = MemoryMesh(together=5)
    graph = default_graph("shapes", "red")
    for number in range(4):
        sampler = {**graph["3"]["inputs"], "seed": 100 + number}
        graph[f"s{number}"] = {"class_type": "KSampler", "inputs": sampler}
        graph[f"d{number}"] = {"class_type": "VAEDecode", "inputs": {"samples": [f"s{number}", 0], "vae": ["4", 2]}}
        graph[f"o{number}"] = {"class_type": "PreviewImage", "inputs": {"images": [f"d{number}", 0]}}
    await GraphRun(mesh, folders).draw(graph)
    assert mesh.running == 5


async def test_what_the_mesh_refuses_is_the_failure_of_the_node(graphs: GraphRun) -> None:
    graph = default_graph("shapes", "red")
    graph["3"]["inputs"]["model"] = ["14", 0]
    graph["14"] = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "other"}}
    result = await graphs.run(graph)
    assert result.error is not None
    assert (result.status, result.error.node_id) == ("error", "3")
    assert "the text is encoded by 'shapes', but 'other' samples" in result.error.exception_message


@pytest.mark.parametrize(
    ("node", "name", "value", "missing"),
    [
        ("4", "ckpt_name", "v1-5-pruned-emaonly.safetensors", "no image model 'v1-5-pruned-emaonly.safetensors'"),
        ("6", "text", "a (red:1.4) circle", "equal emphasis"),
        ("3", "sampler_name", "res_multistep", "no sampler 'res_multistep'"),
        ("3", "scheduler", "kl_optimal", "no scheduler 'kl_optimal'"),
        ("3", "steps", 500, "Value 500 bigger than max of 200"),
        ("3", "cfg", 0.5, "Value 0.5 smaller than min of 1.0"),
        ("5", "width", 4096, "Value 4096 bigger than max of 2048"),
    ],
)
async def test_what_the_image_service_cannot_do_is_refused_before_anything_runs(
    graphs: GraphRun, node: str, name: str, value: object, missing: str
) -> None:
    graph = default_graph("shapes", "red")
    graph[node]["inputs"][name] = value
    validation = await graphs.validated(graph)
    assert not validation.ok
    errors = validation.node_errors[node]["errors"]
    assert any(missing in f"{error['message']} {error['details']}" for error in errors)


async def test_a_lora_and_a_combination_of_texts_are_refused_before_anything_runs(graphs: GraphRun) -> None:
    graph = default_graph("shapes", "red")
    lora = {"model": ["4", 0], "clip": ["4", 1], "lora_name": "x", "strength_model": 1, "strength_clip": 1}
    graph["14"] = {"class_type": "LoraLoader", "inputs": lora}
    graph["15"] = {
        "class_type": "ConditioningCombine",
        "inputs": {"conditioning_1": ["6", 0], "conditioning_2": ["7", 0]},
    }
    graph["3"]["inputs"] |= {"model": ["14", 0], "positive": ["15", 0]}
    validation = await graphs.validated(graph)
    details = [error["details"] for node in ("14", "15") for error in validation.node_errors[node]["errors"]]
    assert any("no LoRA yet" in detail for detail in details)
    assert any("cannot combine" in detail for detail in details)
