"""The folders of nodes: where they read inputs and write outputs and temporary files.

A host has default folders, and an execution may have folders of its own. Those are in a context variable, so that
concurrent graphs in one host do not read each other's files.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from atelier_nodes.packs import model_folders

FolderType = Literal["input", "output", "temp"]

_ANNOTATION = re.compile(rf"^(?P<name>.*) ?\[(?P<type>{'|'.join(get_args(FolderType))})\]$", re.DOTALL)


class FolderEscapeError(ValueError):
    """A file name leads out of the folder that it is relative to."""


@dataclass(frozen=True, slots=True)
class NodeFolders:
    """Folders of a host or of one execution.

    Attributes:
        base: The base of relative paths of model folders; packs receive it as ComfyUI's own folder.
        input: Uploads and other files that nodes load.
        output: Files that nodes save.
        temp: Previews and other temporary files.
        user: Settings of users.
        models: Files of weights that packs load themselves.
    """

    base: Path
    input: Path
    output: Path
    temp: Path
    user: Path
    models: Path

    @classmethod
    def under(
        cls, base: Path, *, inputs: Path | None = None, outputs: Path | None = None, temp: Path | None = None
    ) -> "NodeFolders":
        """Returns folders with the usual names below `base`, except those that are given."""
        return cls(
            base,
            inputs or base / "input",
            outputs or base / "output",
            temp or base / "temp",
            base / "user",
            base / "models",
        )

    def of(self, folder: FolderType) -> Path:
        """Returns the folder for a file's `type`, as in `/view` and in image entries."""
        return {"input": self.input, "output": self.output, "temp": self.temp}[folder]


@dataclass(frozen=True, slots=True)
class SavePlace:
    """Where the next file of a prefix is written: `folder / f"{name}_{counter:05}_.png"`.

    Attributes:
        folder: The folder, which exists.
        name: The prefix without its sub-folder.
        counter: One more than the highest counter of files with this prefix in the folder.
        subfolder: The folder relative to the output or temp folder, with `/`; empty for that folder itself.
        prefix: The prefix with its variables filled in.
    """

    folder: Path
    name: str
    counter: int
    subfolder: str
    prefix: str


_default: NodeFolders | None = None
_current: ContextVar[NodeFolders | None] = ContextVar("node_folders", default=None)


def use_folders(folders: NodeFolders) -> None:
    """Sets the default folders of this process, including those of models; called once, before packs are loaded."""
    global _default
    _default = folders
    model_folders.use_models(folders.models)


@contextmanager
def execution_folders(folders: NodeFolders) -> Iterator[None]:
    """Makes `folders` those of the current context inside the block."""
    token = _current.set(folders)
    try:
        yield
    finally:
        _current.reset(token)


def node_folders() -> NodeFolders:
    """Returns the folders of the current execution, else of the host, else those below the working directory."""
    return _current.get() or _default or NodeFolders.under(Path.cwd())


def split_annotation(name: str) -> tuple[str, FolderType | None]:
    """Splits `"a.png [output]"` into the name and the folder's type; None if there is no type."""
    match = _ANNOTATION.match(name)
    if match is None:
        return name, None
    for folder in get_args(FolderType):
        if folder == match["type"]:
            return match["name"].rstrip(), folder
    raise AssertionError("the pattern is made of the same types")


def inside(folder: Path, name: str) -> Path:
    """Returns `folder / name`, which must be inside the folder.

    Raises:
        FolderEscapeError: The name leads out of the folder, also through a symbolic link.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise FolderEscapeError(f"{name!r} is outside its folder")
    return path


def annotated_file(name: str, default: Path | None = None) -> Path:
    """Returns the path of a file that a graph names, such as `"a.png"` or `"a.png [temp]"`.

    Args:
        name: Relative to the folder of its annotation.
        default: The folder of a name without annotation; the input folder if omitted.

    Raises:
        FolderEscapeError: The name leads out of its folder.
    """
    plain, folder = split_annotation(name)
    folders = node_folders()
    return inside(folders.of(folder) if folder else default or folders.input, plain)


def save_place(prefix: str, folder: Path, width: int = 0, height: int = 0) -> SavePlace:
    """Returns where the next file with a prefix is written, and creates its folder.

    Args:
        prefix: May hold sub-folders, `%width%`, `%height%`, and `%year%` to `%second%` of the local time.
        folder: The output or temp folder.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.

    Raises:
        FolderEscapeError: The prefix leads out of the folder.
    """
    filled = _filled(prefix, width, height)
    target = inside(folder, filled)
    name = target.name if filled.strip("/") else ""
    parent = Path(*target.parts[:-1]).resolve() if name else folder.resolve()
    inside(folder, str(parent))
    parent.mkdir(parents=True, exist_ok=True)
    subfolder = parent.relative_to(folder.resolve()).as_posix()
    return SavePlace(parent, name, _next_counter(parent, name), "" if subfolder == "." else subfolder, filled)


def _filled(prefix: str, width: int, height: int) -> str:
    if "%" not in prefix:
        return prefix
    now = time.localtime()
    values = {
        "width": str(width),
        "height": str(height),
        "year": f"{now.tm_year:04}",
        "month": f"{now.tm_mon:02}",
        "day": f"{now.tm_mday:02}",
        "hour": f"{now.tm_hour:02}",
        "minute": f"{now.tm_min:02}",
        "second": f"{now.tm_sec:02}",
    }
    return re.sub("%({})%".format("|".join(values)), lambda match: values[match[1]], prefix)


def _next_counter(folder: Path, name: str) -> int:
    pattern = re.compile(re.escape(name) + r"_(\d+)(?![0-9A-Za-z])")
    counters = [int(match[1]) for file in folder.iterdir() if (match := pattern.match(file.name))]
    return max(counters, default=0) + 1
