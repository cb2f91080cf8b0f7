"""The revision of a model: what its files hold, read once."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.diffusion.model_files import write_model

from atelier_diffusion.weights.model_folder import ModelFolder
from atelier_diffusion.weights.model_revisions import ModelRevisions, stamps

UNET = Path("unet", "diffusion_pytorch_model.safetensors")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_model(tmp_path / "m")


def revision(folder: Path) -> str:
    return ModelRevisions().of(ModelFolder(folder))


def other_weights(file: Path) -> bytes:
    """Of the same size and header: the last number is another one."""
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    return bytes(data)


def in_place(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.write(other_weights(file))


def by_renaming(file: Path) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(other_weights(file))
    new.replace(file)


def with_the_old_times(file: Path) -> None:
    """As `cp -p` and `rsync -t` of a file of the same age do."""
    status = file.stat()
    in_place(file)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("replace", [in_place, by_renaming, with_the_old_times])
def test_other_tensors_are_another_revision_whatever_else_is_the_same(
    folder: Path, tmp_path: Path, replace: Callable[[Path], None]
) -> None:
    revisions = ModelRevisions(tmp_path / "index.json")
    before, seen = revisions.of(ModelFolder(folder)), stamps(ModelFolder(folder))
    replace(folder / UNET)
    assert stamps(ModelFolder(folder)) != seen
    assert revisions.known(ModelFolder(folder)) == ""
    assert revisions.of(ModelFolder(folder)) not in (before, "")


def test_the_same_files_elsewhere_are_the_same_revision(folder: Path, tmp_path: Path) -> None:
    assert revision(Path(shutil.copytree(folder, tmp_path / "copy"))) == revision(folder)


@pytest.mark.parametrize("name", ["model_index.json", "vae/config.json", "text_encoder/words.txt"])
def test_configurations_and_vocabularies_count(folder: Path, name: str) -> None:
    before = revision(folder)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / name).write_text(json.dumps({**index, "_diffusers_version": "0.1"}))
    assert revision(folder) != before


def test_what_loading_does_not_read_does_not_count(folder: Path) -> None:
    before = revision(folder)
    (folder / "README.md").write_text("words")
    (folder / "card.json").write_text("{}")
    (folder / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"another precision")
    assert revision(folder) == before


def test_hashes_are_remembered_on_the_disk(folder: Path, tmp_path: Path) -> None:
    index = tmp_path / "state" / "index.json"
    assert ModelRevisions(index).known(ModelFolder(folder)) == ""
    known = ModelRevisions(index).of(ModelFolder(folder))
    assert ModelRevisions(index).known(ModelFolder(folder)) == known
    assert [file.name for file in index.parent.iterdir()] == ["index.json"]


def test_two_processes_may_share_an_index(folder: Path, tmp_path: Path) -> None:
    index, other = tmp_path / "index.json", write_model(tmp_path / "other")
    one, two = ModelRevisions(index), ModelRevisions(index)
    assert two.known(ModelFolder(other)) == ""
    one.of(ModelFolder(folder))
    two.of(ModelFolder(other))
    assert all(ModelRevisions(index).known(ModelFolder(each)) for each in (folder, other))


@pytest.mark.parametrize("text", ["", "[1]", '{"a": 3}', '{"a": []}', "\xff"])
def test_a_damaged_index_costs_time_and_nothing_else(folder: Path, tmp_path: Path, text: str) -> None:
    index = tmp_path / "index.json"
    index.write_text(text, "latin-1")
    assert ModelRevisions(index).of(ModelFolder(folder)) == revision(folder)
    assert ModelRevisions(index).known(ModelFolder(folder)) == revision(folder)


def test_an_index_that_cannot_be_written_costs_time_and_nothing_else(folder: Path) -> None:
    revisions = ModelRevisions(Path("/proc/nowhere/index.json"))
    assert revisions.of(ModelFolder(folder)) == revisions.known(ModelFolder(folder)) == revision(folder)


def test_a_model_that_is_not_there_has_no_revision(tmp_path: Path) -> None:
    assert ModelRevisions().known(ModelFolder(tmp_path / "none")) == ""
