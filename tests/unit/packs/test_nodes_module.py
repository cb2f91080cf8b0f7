"""`nodes`: packs call the nodes that ship, and see those of other packs."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

import nodes
from atelier_nodes.builtin import DISPLAY_NAMES, NODE_CLASSES
from atelier_nodes.builtin.mesh_values import ClipValue, ModelValue
from atelier_nodes.mesh import MeshError, set_known_models
from atelier_nodes.packs import registry
from tests.unit.nodes.memory_mesh import MemoryMesh
from tests.unit.nodes.running_node import running_node


def test_a_class_that_ships_has_its_name_here() -> None:
    (inverted,) = nodes.ImageInvert().invert(torch.zeros(1, 2, 2, 3))
    assert inverted.unique().tolist() == [1]
    with pytest.raises(AttributeError):
        _ = nodes.NoSuchNode


def test_mappings_are_those_of_the_host_and_can_be_added_to() -> None:
    registry.add_builtin(NODE_CLASSES, DISPLAY_NAMES)

    class Added:
        pass

    nodes.NODE_CLASS_MAPPINGS["Added"] = Added
    nodes.NODE_CLASS_MAPPINGS.update({"Again": Added})
    assert registry.NODE_CLASSES["Added"] is registry.NODE_CLASSES["Again"] is Added
    assert nodes.NODE_CLASS_MAPPINGS["ImageInvert"] is nodes.ImageInvert
    assert {"Added", "KSampler"} <= set(nodes.NODE_CLASS_MAPPINGS)
    assert nodes.NODE_CLASS_MAPPINGS.get("NoSuchNode") is None


SETTINGS = {"steps": 4, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal"}


def sampled_by_its_class(model: Any, text: Any, latent: Any) -> Any:
    arguments = {"positive": text, "negative": text, "latent_image": latent, "denoise": 1.0}
    return nodes.KSampler().sample(model=model, seed=8, **SETTINGS, **arguments)


def sampled_by_its_mapping(model: Any, text: Any, latent: Any) -> Any:
    arguments = {"positive": text, "negative": text, "latent_image": latent}
    return nodes.NODE_CLASS_MAPPINGS["KSampler"]().sample(model=model, seed=8, **SETTINGS, **arguments)


def sampled_by_the_function(model: Any, text: Any, latent: Any) -> Any:
    return nodes.common_ksampler(model, 8, 4, 7.0, "euler", "normal", text, text, latent, denoise=1.0)


@pytest.mark.parametrize("sampled", [sampled_by_its_class, sampled_by_its_mapping, sampled_by_the_function])
async def test_a_synchronous_node_of_a_pack_draws_on_the_mesh(sampled: Callable[..., Any]) -> None:
    registry.add_builtin(NODE_CLASSES, DISPLAY_NAMES)
    mesh = MemoryMesh()
    set_known_models(await mesh.models())
    with running_node(mesh) as progress:
        model, clip, vae = nodes.CheckpointLoaderSimple().load_checkpoint("shapes")
        (text,) = nodes.CLIPTextEncode().encode(clip, "red")
        (empty,) = nodes.EmptyLatentImage().generate(128, 64, 1)
        (latent,) = sampled(model, text, empty)
        (picture,) = nodes.VAEDecode().decode(vae, latent)
    assert picture.shape == (1, 64, 128, 3)
    assert picture[0, 0, 0].tolist() == pytest.approx([1, 0, 0], abs=0.01)
    assert progress.values[-1] == (4, 4)


async def test_what_a_job_raises_reaches_the_pack() -> None:
    with pytest.raises(MeshError, match="no graph is running"):
        nodes.common_ksampler(
            ModelValue("shapes"), 8, 4, 1.0, "euler", "normal", text("red"), [], {"samples": torch.zeros(1, 4, 8, 8)}
        )


def text(words: str) -> Any:
    (conditioning,) = nodes.CLIPTextEncode().encode(ClipValue("shapes"), words)
    return conditioning


def test_what_has_no_counterpart_raises_an_error_when_it_is_used() -> None:
    with pytest.raises(NotImplementedError, match=r"nodes\.ControlNetLoader"):
        nodes.ControlNetLoader().load_controlnet("x")
