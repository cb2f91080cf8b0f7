"""Latent files: saved and loaded, and those of ComfyUI."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from atelier_diffusion.policy.latent_format import LatentFormat
from atelier_nodes.builtin.latent_files import LoadLatent, SaveLatent
from atelier_nodes.builtin.mesh_latent import MeshLatent
from atelier_nodes.packs.folders import NodeFolders

FORMAT = LatentFormat("sd15", 4, 8, 0.18215)


async def test_latents_are_saved_a_file_each_and_loaded_with_their_format(folders: NodeFolders) -> None:
    samples = torch.randn(2, 4, 6, 8, generator=torch.Generator().manual_seed(1))
    result = await SaveLatent().save(MeshLatent.of_tensor(samples, FORMAT), "latents/a")
    names = [entry["filename"] for entry in result["ui"]["latents"]]
    assert names == ["a_00001_.safetensors", "a_00002_.safetensors"]
    name = f"latents/{names[1]} [output]"
    assert LoadLatent.VALIDATE_INPUTS(name) is True
    (loaded,) = LoadLatent().load(name)
    assert torch.equal(loaded["samples"], samples[1:])
    assert isinstance(loaded, MeshLatent)
    assert loaded.format == FORMAT


def test_files_of_comfyui_are_loaded(folders: NodeFolders) -> None:
    samples = torch.ones(1, 4, 6, 8)
    save_file({"latent_tensor": samples, "latent_format_version_0": torch.tensor([])}, folders.input / "new.latent")
    save_file({"latent_tensor": samples * 0.18215}, folders.input / "old.latent")
    assert LoadLatent.INPUT_TYPES()["required"]["latent"][0] == ["new.latent", "old.latent"]
    for name in ("new.latent", "old.latent"):
        assert torch.allclose(LoadLatent().load(name)[0]["samples"], samples)


@pytest.mark.parametrize("content", [b"", b"no latent", b"\x10" + b"\x00" * 7 + b"{}"])
def test_a_file_that_is_no_latent_is_an_error(folders: NodeFolders, content: bytes) -> None:
    (folders.input / "a.latent").write_bytes(content)
    with pytest.raises(ValueError, match="no latent"):
        LoadLatent().load("a.latent")


def test_a_missing_file_is_refused_with_its_name(folders: NodeFolders) -> None:
    assert LoadLatent.VALIDATE_INPUTS("../a.latent") == "Invalid latent file: ../a.latent"


async def test_a_latent_of_no_model_has_no_file(folders: NodeFolders) -> None:
    with pytest.raises(ValueError, match="no format"):
        await SaveLatent().save({"samples": torch.zeros(1, 4, 6, 8)}, "a")
