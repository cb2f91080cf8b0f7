"""The extra paths file: more folders of models and packs, as YAML.

Each section holds categories with folders, one a line, relative to the section's `base_path`, which is itself relative
to the file.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from atelier_nodes.packs import model_folders


class ExtraPathsError(Exception):
    """The extra paths file cannot be read; the message names the file and the fault."""


@dataclass(frozen=True, slots=True)
class ExtraPath:
    """One folder of a category.

    Attributes:
        category: The category, such as `loras`.
        folder: The absolute path.
        first: True to put it before the other folders of the category, so that files are saved there.
    """

    category: str
    folder: str
    first: bool


def read_extra_paths(file: Path) -> list[ExtraPath]:
    """Returns the folders that the file names, in its order.

    Raises:
        ExtraPathsError: The file cannot be read or is malformed.
    """
    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except OSError as error:
        raise ExtraPathsError(f"{file}: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ExtraPathsError(f"{file} is not YAML: {error}") from error
    if content is None:
        return []
    if not isinstance(content, Mapping):
        raise ExtraPathsError(f"{file}: it must hold sections of folders")
    found: list[ExtraPath] = []
    for name, section in content.items():
        if section is None:
            continue
        if not isinstance(section, Mapping):
            raise ExtraPathsError(f"{file}: section {name!r} must hold folders by category")
        found.extend(_section(file, section))
    return found


def apply_extra_paths(file: Path) -> None:
    """Adds the folders that the file names to those of the host.

    Raises:
        ExtraPathsError: The file cannot be read or is malformed.
    """
    for extra in read_extra_paths(file):
        model_folders.add_folder(extra.category, extra.folder, first=extra.first)


def _section(file: Path, section: Mapping[object, object]) -> list[ExtraPath]:
    values = dict(section)
    base = file.resolve().parent
    if base_path := values.pop("base_path", None):
        base = base / _expanded(str(base_path))
    first = bool(values.pop("is_default", False))
    return [
        ExtraPath(str(category), os.path.normpath(base / _expanded(line.strip())), first)
        for category, lines in values.items()
        for line in str(lines or "").splitlines()
        if line.strip()
    ]


def _expanded(path: str) -> str:
    return os.path.expandvars(os.path.expanduser(path))
