"""File folders: input, output and temp, and the conversion of a client's file names to paths inside them."""

import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

_ANNOTATED = re.compile(r"^(?P<name>.*) \[(?P<kind>input|output|temp)\]$", re.DOTALL)
_OLD_S = 24 * 3600


class FileNameError(ValueError):
    """A name leads out of its folder, or there is no such folder; the message names it."""


@dataclass(frozen=True)
class FileFolders:
    """The folders of files.

    Attributes:
        input, output, temp: Absolute paths.
    """

    input: Path
    output: Path
    temp: Path

    def make(self) -> None:
        """Creates the folders, and removes temporary files that are older than a day."""
        for folder in (self.input, self.output, self.temp):
            folder.mkdir(parents=True, exist_ok=True)
        for entry in self.temp.iterdir():
            if entry.lstat().st_mtime < time.time() - _OLD_S:
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()

    def of_kind(self, kind: str) -> Path:
        """The folder `input`, `output` or `temp`. Raises FileNameError."""
        if kind not in ("input", "output", "temp"):
            raise FileNameError("type must be input, output or temp")
        folder: Path = getattr(self, kind)
        return folder

    def path(self, kind: str, subfolder: str, filename: str) -> Path:
        """Path of a file, which need not exist.

        Args:
            kind: `input`, `output` or `temp`; an annotation in `filename`, as in `a.png [input]`, overrides it.
            subfolder: Below the folder; may be empty.
            filename: A name; folders in it lie below `subfolder`.

        Raises:
            FileNameError: The path would be outside, or is not the name of a file.
        """
        annotated = _ANNOTATED.match(filename)
        if annotated:
            filename, kind = annotated["name"], annotated["kind"]
        return inside(self.of_kind(kind), f"{subfolder}/{filename}" if subfolder else filename)


def inside(folder: Path, name: str) -> Path:
    """The path `name` below `folder`, also after symbolic links are followed. Raises FileNameError."""
    if not name or "\0" in name or name.startswith(("/", "\\")) or Path(name).is_absolute():
        raise FileNameError(f"{name!r} is not the name of a file")
    root = folder.resolve()
    path = (root / name.replace("\\", "/")).resolve()
    if path == root or not path.is_relative_to(root):
        raise FileNameError(f"{name!r} leads out of its folder")
    return path
