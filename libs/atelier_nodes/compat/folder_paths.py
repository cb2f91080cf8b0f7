"""`folder_paths`: the folders of nodes and the files of models, under the names that packs use."""

import mimetypes
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from atelier_nodes.mesh import known_models
from atelier_nodes.packs import model_folders
from atelier_nodes.packs.folders import (
    FolderEscapeError,
    FolderType,
    annotated_file,
    node_folders,
    save_place,
    split_annotation,
)

supported_pt_extensions: set[str] = model_folders.WEIGHTS
folder_names_and_paths: dict[str, tuple[list[str], set[str]]] = model_folders.FOLDERS
filename_list_cache: dict[str, Any] = {}
extension_mimetypes_cache: dict[str, str] = {"webp": "image", "fbx": "model", "glb": "model", "obj": "model"}

_COMPUTED = {
    "base_path": lambda: str(node_folders().base),
    "models_dir": lambda: str(node_folders().models),
    "input_directory": lambda: str(node_folders().input),
    "output_directory": lambda: str(node_folders().output),
    "temp_directory": lambda: str(node_folders().temp),
    "user_directory": lambda: str(node_folders().user),
}


def __getattr__(name: str) -> str:
    """Folders are those of the running execution: they are looked up on access."""
    if computed := _COMPUTED.get(name):
        return computed()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def get_input_directory() -> str:
    """Returns the folder of uploads."""
    return str(node_folders().input)


def get_output_directory() -> str:
    """Returns the folder of saved files."""
    return str(node_folders().output)


def get_temp_directory() -> str:
    """Returns the folder of previews."""
    return str(node_folders().temp)


def get_user_directory() -> str:
    """Returns the folder of users' settings."""
    return str(node_folders().user)


def get_directory_by_type(type_name: str) -> str | None:
    """Returns the folder of a file's `type`, or None for an unknown one."""
    folder = _folder_type(type_name)
    return None if folder is None else str(node_folders().of(folder))


def get_folder_paths(folder_name: str) -> list[str]:
    """Returns a category's folders.

    Raises:
        KeyError: There is no such category.
    """
    return model_folders.folders_of(folder_name)


def add_model_folder_path(folder_name: str, full_folder_path: str, is_default: bool = False) -> None:
    """Adds a folder to a category."""
    model_folders.add_folder(folder_name, full_folder_path, first=is_default)


def get_filename_list(folder_name: str) -> list[str]:
    """Returns the names of a category's files, sorted; of checkpoints the mesh's models first, the default first.

    Raises:
        KeyError: There is no such category.
    """
    files = model_folders.files_of(folder_name)
    if map_legacy(folder_name) != "checkpoints":
        return files
    models = [model.id for model in known_models() if model.kind == "image"]
    return [*models, *(file for file in files if file not in models)]


def get_full_path(folder_name: str, filename: str) -> str | None:
    """Returns the path of a category's file, or None where there is no such category or file."""
    if map_legacy(folder_name) not in folder_names_and_paths:
        return None
    return model_folders.find_file(folder_name, filename)


def get_full_path_or_raise(folder_name: str, filename: str) -> str:
    """Returns the path of a category's file.

    Raises:
        FileNotFoundError: There is none.
    """
    path = get_full_path(folder_name, filename)
    if path is None:
        raise FileNotFoundError(f"No file {filename!r} in the folders of {folder_name!r}")
    return path


def map_legacy(folder_name: str) -> str:
    """Returns the current name of a category."""
    return model_folders.current_name(folder_name)


def recursive_search(directory: str, excluded_dir_names: list[str] | None = None) -> tuple[list[str], dict[str, float]]:
    """Returns a folder's files, relative to it, and the time of change of each folder below it, in seconds."""
    excluded = set(excluded_dir_names or ())
    files: list[str] = []
    changed: dict[str, float] = {}
    for parent, folders, names in os.walk(directory, followlinks=True):
        folders[:] = [name for name in folders if name not in excluded]
        changed[parent] = os.path.getmtime(parent)
        files.extend(os.path.relpath(os.path.join(parent, name), directory) for name in names)
    return files, changed


def cached_filename_list_(folder_name: str) -> tuple[list[str], dict[str, float], float] | None:
    """Returns None: lists of files are read anew each time."""
    return None


def filter_files_extensions(files: Collection[str], extensions: Collection[str]) -> list[str]:
    """Returns the files with one of the extensions, or all for none, sorted."""
    return sorted(file for file in files if not extensions or os.path.splitext(file)[1].lower() in extensions)


def filter_files_content_types(files: list[str], content_types: list[str]) -> list[str]:
    """Returns the files of one of the types `image`, `video`, `audio`, `model`, by their names."""
    return [file for file in files if _content_type(file) in content_types]


def annotated_filepath(name: str) -> tuple[str, str | None]:
    """Splits `"a.png [output]"` into the name and its folder; None where none is given."""
    plain, folder = split_annotation(name)
    return plain, None if folder is None else str(node_folders().of(folder))


def get_annotated_filepath(name: str, default_dir: str | None = None) -> str:
    """Returns the path of a file that a graph names.

    Raises:
        FolderEscapeError: The name leads out of its folder.
    """
    return str(annotated_file(name, None if default_dir is None else Path(default_dir)))


def exists_annotated_filepath(name: str) -> bool:
    """Whether there is a file of this name; a name that leads out of its folder has none."""
    try:
        return annotated_file(name).exists()
    except FolderEscapeError:
        return False


def get_save_image_path(
    filename_prefix: str, output_dir: str, image_width: int = 0, image_height: int = 0
) -> tuple[str, str, int, str, str]:
    """Returns where the next file of a prefix is written: folder, name, counter, sub-folder and filled prefix.

    Raises:
        FolderEscapeError: The prefix leads out of the folder.
    """
    place = save_place(filename_prefix, Path(output_dir), int(image_width), int(image_height))
    return str(place.folder), place.name, place.counter, place.subfolder, place.prefix


def get_input_subfolders() -> list[str]:
    """Returns the folders below the input folder, relative to it, sorted."""
    root = get_input_directory()
    return sorted(
        os.path.relpath(parent, root).replace(os.sep, "/") for parent, _, _ in os.walk(root) if parent != root
    )


def is_path_within_directory(path: str, directory: str) -> bool:
    """Whether a path is in a folder, symbolic links followed."""
    root = os.path.realpath(directory)
    return os.path.commonpath([root, os.path.realpath(path)]) == root


def set_output_directory(output_dir: str) -> None:
    """Refuses: folders are settings of the host.

    Raises:
        PermissionError: Always.
    """
    raise PermissionError(f"The output folder is a setting of the host; {output_dir!r} was not set")


set_input_directory = set_temp_directory = set_user_directory = set_output_directory


class CacheHelper:
    """A block in which lists of files may be cached; here they are read anew."""

    def __enter__(self) -> None:
        """Begins the block."""

    def __exit__(self, *_: object) -> None:
        """Ends the block."""


cache_helper = CacheHelper()


def _folder_type(name: str) -> FolderType | None:
    match name:
        case "input" | "output" | "temp":
            return name
        case _:
            return None


def _content_type(file: str) -> str:
    extension = file.rpartition(".")[2].lower()
    if known := extension_mimetypes_cache.get(extension):
        return known
    return (mimetypes.guess_type(file, strict=False)[0] or "").partition("/")[0]
