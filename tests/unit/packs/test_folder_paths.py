"""`folder_paths` under the names that packs use."""

from pathlib import Path

import pytest

import folder_paths
from atelier_nodes.mesh import ModelInfo, known_models, set_known_models
from atelier_nodes.packs.folders import FolderEscapeError, NodeFolders, execution_folders, node_folders


@pytest.fixture
def output() -> Path:
    return node_folders().output


def counter(prefix: str) -> int:
    return folder_paths.get_save_image_path(prefix, folder_paths.get_output_directory())[2]


def test_folders_of_an_execution_replace_those_of_the_host_while_it_runs(tmp_path: Path) -> None:
    host = folder_paths.get_output_directory()
    with execution_folders(NodeFolders.under(tmp_path / "execution")):
        assert folder_paths.get_output_directory() == str(tmp_path / "execution/output")
        assert folder_paths.output_directory == str(tmp_path / "execution/output")
    assert folder_paths.get_output_directory() == host == folder_paths.get_directory_by_type("output")
    assert folder_paths.get_directory_by_type("elsewhere") is None


def test_an_annotation_names_the_folder(output: Path) -> None:
    (output / "a b.png").touch()
    assert folder_paths.annotated_filepath("a b.png [output]") == ("a b.png", str(output))
    assert folder_paths.annotated_filepath("x[1].png") == ("x[1].png", None)
    assert folder_paths.get_annotated_filepath("a b.png [output]") == str(output / "a b.png")
    assert folder_paths.get_annotated_filepath("x.png") == str(node_folders().input / "x.png")
    assert folder_paths.exists_annotated_filepath("a b.png [output]")
    assert not folder_paths.exists_annotated_filepath("a b.png")


@pytest.mark.parametrize("name", ["../x.png", "/etc/passwd", "a/../../x.png", "../x.png [output]"])
def test_a_name_that_leads_out_of_its_folder_is_refused(name: str) -> None:
    with pytest.raises(FolderEscapeError):
        folder_paths.get_annotated_filepath(name)
    assert not folder_paths.exists_annotated_filepath(name)


def test_the_counter_is_one_more_than_the_largest_of_the_prefix(output: Path) -> None:
    assert counter("pic") == 1
    for name in ["pic_00002_.png", "pic_00010_.png", "pics_00050_.png", "pic_x.png", "other_00099_.png"]:
        (output / name).touch()
    assert counter("pic") == 11


def test_a_prefix_may_hold_folders_brackets_spaces_and_variables(output: Path) -> None:
    place = folder_paths.get_save_image_path("a b/[x] %width%x%height%", str(output), 64, 32)
    assert place == (str(output / "a b"), "[x] 64x32", 1, "a b", "a b/[x] 64x32")
    (output / "a b/[x] 64x32_00001_.png").touch()
    assert folder_paths.get_save_image_path("a b/[x] %width%x%height%", str(output), 64, 32)[2] == 2


@pytest.mark.parametrize("prefix", ["../out", "/tmp/out", "a/../../out"])  # noqa: S108 - it is refused
def test_a_prefix_that_leads_out_of_the_folder_is_refused(output: Path, prefix: str) -> None:
    with pytest.raises(FolderEscapeError):
        folder_paths.get_save_image_path(prefix, str(output))


def test_files_of_a_category_are_found_in_all_of_its_folders(tmp_path: Path) -> None:
    (tmp_path / "more/sub").mkdir(parents=True)
    (tmp_path / "more/sub/b.safetensors").touch()
    (tmp_path / "more/readme.txt").touch()
    own = node_folders().models / "loras"
    own.mkdir(parents=True)
    (own / "a.ckpt").touch()
    folder_paths.add_model_folder_path("loras", str(tmp_path / "more"))
    assert folder_paths.get_filename_list("loras") == ["a.ckpt", "sub/b.safetensors"]
    assert folder_paths.get_full_path("loras", "sub/b.safetensors") == str(tmp_path / "more/sub/b.safetensors")
    assert folder_paths.get_full_path("loras", "../../secret") is None
    with pytest.raises(FileNotFoundError):
        folder_paths.get_full_path_or_raise("loras", "c.ckpt")


def test_a_default_folder_comes_first() -> None:
    folder_paths.add_model_folder_path("loras", "/second")
    folder_paths.add_model_folder_path("loras", "/first", is_default=True)
    assert folder_paths.get_folder_paths("loras")[0] == "/first"


def test_packs_may_add_categories_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").touch()
    (tmp_path / "y.bin").touch()
    folder_paths.folder_names_and_paths["detectors"] = ([str(tmp_path)], {".onnx"})
    assert folder_paths.get_filename_list("detectors") == ["x.onnx"]


def test_former_names_of_categories_are_known() -> None:
    assert folder_paths.get_folder_paths("clip") == folder_paths.get_folder_paths("text_encoders")
    assert folder_paths.get_full_path("no_such_category", "x") is None


def test_files_are_distinguished_by_their_content_types() -> None:
    files = ["a.png", "b.webp", "c.mp4", "d.wav", "e.glb", "f.txt"]
    assert folder_paths.filter_files_content_types(files, ["image", "model"]) == ["a.png", "b.webp", "e.glb"]


def test_checkpoints_are_the_mesh_s_models_and_files(tmp_path: Path) -> None:
    (tmp_path / "own.safetensors").touch()
    folder_paths.add_model_folder_path("checkpoints", str(tmp_path))
    before = known_models()
    set_known_models([ModelInfo("shapes", "image"), ModelInfo("film", "video")])
    assert folder_paths.get_filename_list("checkpoints") == ["shapes", "own.safetensors"]
    set_known_models(before)
