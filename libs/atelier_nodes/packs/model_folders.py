"""Model folders: the folders of each category of files, such as `loras`, and the files in them.

`FOLDERS` has the shape that packs expect and change in place: category → (folders, extensions).
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

WEIGHTS = {".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft"}
"""Extensions of files of weights."""

ALIASES = {"clip": "text_encoders", "unet": "diffusion_models"}
"""Former names of categories."""

_SUBFOLDERS: dict[str, tuple[str, ...]] = {
    "checkpoints": ("checkpoints",),
    "loras": ("loras",),
    "vae": ("vae",),
    "text_encoders": ("text_encoders", "clip"),
    "diffusion_models": ("unet", "diffusion_models"),
    "clip_vision": ("clip_vision",),
    "style_models": ("style_models",),
    "embeddings": ("embeddings",),
    "vae_approx": ("vae_approx",),
    "controlnet": ("controlnet", "t2i_adapter"),
    "gligen": ("gligen",),
    "upscale_models": ("upscale_models",),
    "latent_upscale_models": ("latent_upscale_models",),
    "hypernetworks": ("hypernetworks",),
    "photomaker": ("photomaker",),
    "model_patches": ("model_patches",),
    "audio_encoders": ("audio_encoders",),
}

FOLDERS: dict[str, tuple[list[str], set[str]]] = {}


def use_models(models: Path) -> None:
    """Sets the categories and their folders under `models`; folders that were added before are removed."""
    FOLDERS.clear()
    for category, subfolders in _SUBFOLDERS.items():
        FOLDERS[category] = ([str(models / subfolder) for subfolder in subfolders], set(WEIGHTS))
    FOLDERS["configs"] = ([str(models / "configs")], {".yaml"})
    FOLDERS["diffusers"] = ([str(models / "diffusers")], {"folder"})
    FOLDERS["classifiers"] = ([str(models / "classifiers")], {""})
    FOLDERS["custom_nodes"] = ([], set())


def current_name(category: str) -> str:
    """Returns the current name of a category."""
    return ALIASES.get(category, category)


def add_folder(category: str, folder: str, *, first: bool = False) -> None:
    """Adds a folder to a category, which is created if it is new; files are saved in the first folder by default."""
    folders, _ = FOLDERS.setdefault(current_name(category), ([], set()))
    if folder in folders:
        if not first or folders[0] == folder:
            return
        folders.remove(folder)
    folders.insert(0 if first else len(folders), folder)


def folders_of(category: str) -> list[str]:
    """Returns the category's folders.

    Raises:
        KeyError: There is no such category.
    """
    return list(FOLDERS[current_name(category)][0])


def files_of(category: str) -> list[str]:
    """Returns the names of a category's files, relative to its folders, sorted.

    Raises:
        KeyError: There is no such category.
    """
    folders, extensions = FOLDERS[current_name(category)]
    found: set[str] = set()
    for folder in folders:
        found.update(_with_extension(_walk(folder), extensions))
    return sorted(found)


def find_file(category: str, name: str) -> str | None:
    """Returns the path of a category's file; None if no folder has it or the name leads out of the folder.

    Raises:
        KeyError: There is no such category.
    """
    for folder in folders_of(category):
        root = os.path.realpath(folder)
        path = os.path.normpath(os.path.join(root, name))
        if path.startswith(root + os.sep) and os.path.isfile(path):
            return path
    return None


def _walk(folder: str) -> Iterator[str]:
    seen: set[str] = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        # A symbolic link to a folder above would be walked for ever.
        seen.add(os.path.realpath(parent))
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(os.path.join(parent, name)) not in seen
        )
        for file in files:
            yield os.path.relpath(os.path.join(parent, file), folder)


def _with_extension(files: Iterable[str], extensions: set[str]) -> Iterator[str]:
    for file in files:
        if not extensions or os.path.splitext(file)[1].lower() in extensions:
            yield file


use_models(Path.cwd() / "models")
