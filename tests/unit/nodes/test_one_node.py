"""Nodes of our own: pictures and clips of a prompt, in one node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.unit.nodes.memory_mesh import MemoryMesh
from tests.unit.nodes.pictures import gradient
from tests.unit.nodes.running_node import Progress, running_node

from atelier_nodes.builtin.one_node import AtelierPictureToClip, AtelierTextToClip, AtelierTextToImage
from atelier_nodes.builtin.videos import CreateVideo
from atelier_nodes.mesh import set_known_models
from atelier_nodes.packs.folders import NodeFolders


@pytest.fixture
def mesh(folders: NodeFolders) -> MemoryMesh:
    clip = folders.temp / "clip.mp4"
    CreateVideo().create(gradient(32, 16, 3), 8.0)[0].save_to(clip)
    return MemoryMesh(clip=clip.read_bytes())


@pytest.fixture(autouse=True)
def node(mesh: MemoryMesh) -> Iterator[Progress]:
    with running_node(mesh) as progress:
        yield progress


async def test_a_prompt_becomes_pictures(mesh: MemoryMesh) -> None:
    (images,) = await AtelierTextToImage().draw("shapes", "red", 16, "", 64, 64, 4, 1.0, 9, "heun", "beta")
    assert images.shape == (9, 64, 64, 3)
    assert images[0, 0, 0].tolist() == [1, 0, 0]
    assert [(call["seed"], call["count"]) for call in mesh.calls] == [(16, 8), (24, 1)]
    assert (mesh.calls[0]["scheduler"], mesh.calls[0]["sigmas"]) == ("HEUN", "BETA")


async def test_the_model_may_have_sampling_options(mesh: MemoryMesh) -> None:
    await AtelierTextToImage().draw("shapes", "red", 16, width=64, height=64, steps=4)
    await AtelierTextToImage().draw("shapes", "red", 16, "", 64, 64, 4, sampler_name="ddim", scheduler="karras")
    assert "scheduler" not in mesh.calls[0]
    assert (mesh.calls[1]["scheduler"], mesh.calls[1]["sigmas"]) == ("EULER", "KARRAS")
    assert AtelierTextToImage.VALIDATE_INPUTS("model", "model") is True
    assert "no sampler 'dpm_fast'" in str(AtelierTextToImage.VALIDATE_INPUTS("dpm_fast", "model"))


async def test_a_prompt_becomes_a_clip_with_the_defaults_of_the_model(mesh: MemoryMesh, node: Progress) -> None:
    (video,) = await AtelierTextToClip().draw(model="film", prompt="red", seed=7, frames=3, frame_rate=0.0, width=0)
    assert mesh.clips == [{"model": "film", "prompt": "red", "seed": 7, "frames": 3, "container": "MP4"}]
    assert video.get_frame_count() == 3
    assert node.values == [(1, 1)]


async def test_a_picture_begins_a_clip(mesh: MemoryMesh) -> None:
    await AtelierPictureToClip().draw(gradient(64, 64), model="film", prompt="red", seed=7, guidance_scale=2.0)
    (asked,) = mesh.clips
    assert asked["guidance_scale"] == 2.0
    assert mesh.assets[asked["first_frame_asset_id"]].startswith(b"\x89PNG")


async def test_models_of_each_kind_are_offered(mesh: MemoryMesh) -> None:
    set_known_models(await mesh.models())
    try:
        assert AtelierTextToImage.INPUT_TYPES()["required"]["model"][0] == ["shapes", "other"]
        assert AtelierTextToClip.INPUT_TYPES()["required"]["model"][0] == ["film"]
    finally:
        set_known_models(())
