"""Image file nodes: what they load, save and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.unit.nodes.pictures import gradient

from atelier_nodes.builtin.image_files import LoadImage, LoadImageMask, PreviewImage, SaveImage
from atelier_nodes.packs.folders import FolderEscapeError, NodeFolders


def saved(result: dict[str, Any], folders: NodeFolders) -> list[Path]:
    return [folders.of(e["type"]) / e["subfolder"] / e["filename"] for e in result["ui"]["images"]]


def test_values_are_cut_off_at_eight_bits(folders: NodeFolders) -> None:
    pixels = torch.tensor([0.5, 0.25, 2.0, -1.0]).reshape(1, 2, 2, 1).expand(1, 2, 2, 3)
    (file,) = saved(SaveImage().save_images(pixels), folders)
    assert np.asarray(Image.open(file))[..., 0].flatten().tolist() == [127, 63, 255, 0]


def test_a_picture_that_is_loaded_and_saved_is_the_same(folders: NodeFolders) -> None:
    values = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    Image.fromarray(values).save(folders.input / "all.png")
    image, mask = LoadImage().load_image("all.png")
    assert mask.shape == (1, 64, 64)
    assert mask.max() == 0
    (file,) = saved(SaveImage().save_images(image), folders)
    assert np.array_equal(np.asarray(Image.open(file)), values)


def test_names_count_on_and_have_the_prefix_of_the_graph(folders: NodeFolders) -> None:
    first = SaveImage().save_images(gradient(count=2), "shapes/red [1] %width%x%height%")
    assert first["ui"]["images"] == [
        {"filename": f"red [1] 8x6_0000{number}_.png", "subfolder": "shapes", "type": "output"} for number in (1, 2)
    ]
    again = SaveImage().save_images(gradient(), "shapes/red [1] %width%x%height%")
    assert again["ui"]["images"][0]["filename"] == "red [1] 8x6_00003_.png"
    assert all(file.is_file() for file in saved(first, folders))


def test_a_batch_number_is_filled_in(folders: NodeFolders) -> None:
    result = SaveImage().save_images(gradient(count=2), "p%batch_num%")
    assert [e["filename"] for e in result["ui"]["images"]] == ["p0_00001_.png", "p1_00002_.png"]


def test_the_graph_is_in_the_file(folders: NodeFolders) -> None:
    prompt = {"1": {"class_type": "SaveImage", "inputs": {"text": "grün"}}}
    (file,) = saved(SaveImage().save_images(gradient(), "g", prompt, {"workflow": {"nodes": []}}), folders)
    with Image.open(file) as picture:
        assert json.loads(picture.info["prompt"]) == prompt
        assert json.loads(picture.info["workflow"]) == {"nodes": []}


def test_a_prefix_that_leaves_the_folder_is_refused(folders: NodeFolders) -> None:
    with pytest.raises(FolderEscapeError):
        SaveImage().save_images(gradient(), "../outside")
    assert not list(folders.base.rglob("*.png"))


def test_previews_are_temporary_and_do_not_meet(folders: NodeFolders) -> None:
    node = PreviewImage()
    (first,) = saved(node.save_images(gradient()), folders)
    (second,) = saved(PreviewImage().save_images(gradient()), folders)
    assert first.parent == second.parent == folders.temp
    assert first.name != second.name


def test_alpha_becomes_a_mask(folders: NodeFolders) -> None:
    picture = Image.new("RGBA", (4, 2), (255, 0, 0, 255))
    picture.putpixel((1, 0), (0, 0, 0, 0))
    picture.save(folders.input / "hole.png")
    image, mask = LoadImage().load_image("hole.png")
    assert image.shape == (1, 2, 4, 3)
    assert mask.tolist() == [[[0, 1, 0, 0], [0, 0, 0, 0]]]
    (same,) = LoadImageMask().load_image("hole.png", "alpha")
    assert torch.equal(same, mask)
    (red,) = LoadImageMask().load_image("hole.png", "red")
    assert red.tolist() == [[[1, 0, 1, 1], [1, 1, 1, 1]]]


def test_a_missing_channel_is_an_empty_mask(folders: NodeFolders) -> None:
    Image.new("RGB", (4, 2)).save(folders.input / "plain.png")
    (mask,) = LoadImageMask().load_image("plain.png", "alpha")
    assert mask.shape == (1, 64, 64)


def test_an_animation_is_a_batch(folders: NodeFolders) -> None:
    frames = [Image.new("RGB", (4, 4), (40 * k, 0, 0)) for k in range(3)]
    frames[0].save(folders.input / "moving.webp", save_all=True, append_images=frames[1:], lossless=True)
    image, _ = LoadImage().load_image("moving.webp")
    assert image.shape == (3, 4, 4, 3)
    assert torch.allclose(image[:, 0, 0, 0] * 255, torch.tensor([0.0, 40.0, 80.0]), atol=0.01)


def test_sixteen_bits_are_scaled(folders: NodeFolders) -> None:
    Image.fromarray(np.array([[0, 65535, 32896]], dtype=np.uint16)).save(folders.input / "deep.png")
    image, _ = LoadImage().load_image("deep.png")
    assert (image[0, 0, :, 0] * 255).round().tolist() == [0, 255, 128]


def test_pictures_of_the_input_folder_are_offered(folders: NodeFolders) -> None:
    for name in ("b.png", "a.jpg", "notes.txt"):
        (folders.input / name).touch()
    assert LoadImage.INPUT_TYPES()["required"]["image"] == (["a.jpg", "b.png"], {"image_upload": True})


@pytest.mark.parametrize("name", ["missing.png", "../secret.png", "/etc/passwd"])
def test_a_file_that_is_not_there_is_refused_with_its_name(folders: NodeFolders, name: str) -> None:
    assert LoadImage.VALIDATE_INPUTS(name) == f"Invalid image file: {name}"
    assert LoadImageMask.VALIDATE_INPUTS(name) == f"Invalid image file: {name}"


def test_a_file_of_another_folder_is_named_with_it(folders: NodeFolders) -> None:
    (file,) = saved(SaveImage().save_images(gradient(), "out"), folders)
    assert LoadImage.VALIDATE_INPUTS(f"{file.name} [output]") is True
    assert LoadImage().load_image(f"{file.name} [output]")[0].shape == (1, 6, 8, 3)


def test_another_content_changes_the_node(folders: NodeFolders) -> None:
    file = folders.input / "a.png"
    file.write_bytes(b"one")
    first = LoadImage.IS_CHANGED("a.png")
    file.write_bytes(b"two")
    assert LoadImage.IS_CHANGED("a.png") != first


@pytest.mark.parametrize("content", [b"", b"no picture", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_a_file_that_is_no_picture_is_an_error(folders: NodeFolders, content: bytes) -> None:
    (folders.input / "a.png").write_bytes(content)
    with pytest.raises(ValueError, match="no picture"):
        LoadImage().load_image("a.png")


def test_a_picture_of_too_many_pixels_is_not_decoded(folders: NodeFolders) -> None:
    Image.new("1", (8192, 8193)).save(folders.input / "bomb.png")
    with pytest.raises(ValueError, match="pixels"):
        LoadImage().load_image("bomb.png")
