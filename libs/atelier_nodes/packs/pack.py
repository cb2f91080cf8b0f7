"""A pack: a folder or a single file of custom nodes."""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PYTHON_MODULE_PREFIX = "custom_nodes"


class PackFormError(Exception):
    """A folder or file is not a pack."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A folder with an `__init__.py`, or a `.py` file.

    Attributes:
        path: Its absolute path.
        name: The folder's name, or the file's without its suffix.
    """

    path: Path
    name: str

    @classmethod
    def at(cls, path: Path) -> "Pack":
        """Returns the pack at a path, which need not exist."""
        return cls(path, path.stem if path.suffix == ".py" and not path.is_dir() else path.name)

    @property
    def source(self) -> Path:
        """The file that is imported."""
        return self.path / "__init__.py" if self.path.is_dir() else self.path

    @property
    def module_name(self) -> str:
        """The name in `sys.modules`: the path, with dots replaced, as they would denote parent modules."""
        path = self.path if self.path.is_dir() else self.path.with_suffix("")
        return str(path).replace(".", "_x_")

    @property
    def python_module(self) -> str:
        """The `python_module` of its nodes in `/object_info`."""
        return f"{PYTHON_MODULE_PREFIX}.{self.name}"

    @property
    def prestartup(self) -> Path | None:
        """The script that runs before any pack is imported; None if there is none."""
        script = self.path / "prestartup_script.py"
        return script if self.path.is_dir() and script.is_file() else None

    @property
    def requirements(self) -> Path | None:
        """The file with the packages that it needs; None if there is none."""
        file = self.path / "requirements.txt"
        return file if self.path.is_dir() and file.is_file() else None

    def project(self) -> dict[str, Any]:
        """Returns its `pyproject.toml`; empty if there is none.

        Raises:
            tomllib.TOMLDecodeError: It is not valid TOML.
        """
        file = self.path / "pyproject.toml"
        if not self.path.is_dir() or not file.is_file():
            return {}
        return tomllib.loads(file.read_text("utf-8"))


def find_packs(places: Iterable[Path]) -> Iterator[Pack]:
    """Yields the packs in folders, in the order of the folders, by name within one.

    Names that end in `.disabled`, hidden ones, caches and files that are not Python are skipped, and so are folders
    that do not exist. A file among the places is a pack itself.
    """
    seen: set[Path] = set()
    for place in places:
        for path in [place.resolve()] if place.is_file() else _entries(place):
            if path not in seen:
                seen.add(path)
                yield Pack.at(path)


def _entries(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.resolve().iterdir()) if _is_pack(path)] if folder.is_dir() else []


def _is_pack(path: Path) -> bool:
    if path.name.startswith(".") or path.name == "__pycache__" or path.name.lower().endswith(".disabled"):
        return False
    return path.is_dir() or path.suffix == ".py"
