"""Model revisions: a hash over the content of the files that loading reads.

Files of gigabytes are read once: their hashes are stored in memory and in an index on the disk, together with size,
times and inode, and are valid for as long as these are the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

from atelier_diffusion.policy.errors import ModelLoadError
from atelier_diffusion.weights.model_folder import ModelFolder

# File systems count time in ticks of some milliseconds: a file that is hashed in the tick of its last change may
# change once more and have the same stamp.
_TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What changes when a file is written to or replaced."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, file: Path | int) -> FileStamp:
        """Reads the stamp of a path or of an open descriptor.

        Raises:
            OSError: There is no such file.
        """
        status = os.stat(file)
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


Stamps = Mapping[Path, FileStamp]


def stamps(folder: ModelFolder) -> Stamps:
    """Reads the stamps of every file that loading the folder reads.

    Raises:
        ModelLoadError: The folder cannot be loaded, or MODEL_FILES_CHANGING.
    """
    try:
        return {file: FileStamp.of(file) for file in folder.read_files}
    except FileNotFoundError as error:
        raise ModelLoadError("MODEL_FILES_CHANGING", "the model's files changed while they were read") from error


def with_folders(files: Iterable[Path]) -> set[Path]:
    """The files and their folders; a folder's stamp changes when a file is added or removed."""
    found = set(files)
    return found | {file.parent for file in found}


class ModelRevisions:
    """Hashes model folders. Thread-safe; several processes may share an index."""

    def __init__(self, index: Path | None = None) -> None:
        """Reads nothing yet; without an `index` file, hashes are stored as long as this object lives."""
        self._index = index
        self._hashes: dict[str, tuple[FileStamp, str]] = {}
        self._lock = threading.Lock()

    def of(self, folder: ModelFolder) -> str:
        """Computes the revision, 16 hex digits; reads the files whose hashes are unknown.

        Raises:
            ModelLoadError: The folder cannot be loaded, or MODEL_FILES_CHANGING.
        """
        found = stamps(folder)
        return _combined(folder.path, {file: self._hash(file, stamp) for file, stamp in found.items()})

    def known(self, folder: ModelFolder) -> str:
        """The revision if it is known without reading a weight; else empty."""
        try:
            hashes = {file: self._stored_hash(file, stamp) for file, stamp in stamps(folder).items()}
        except (ModelLoadError, OSError):
            return ""  # nothing can be loaded now
        return "" if "" in hashes.values() else _combined(folder.path, hashes)

    def _hash(self, file: Path, stamp: FileStamp) -> str:
        known = self._stored_hash(file, stamp)
        if known:
            return known
        with file.open("rb") as stream:
            before = FileStamp.of(stream.fileno())
            age_s = time.time() - before.ctime_ns / 1e9
            time.sleep(min(max(_TICK_S - age_s, 0.0), _TICK_S))
            content = hashlib.file_digest(stream, "sha256").hexdigest()
            if FileStamp.of(stream.fileno()) != before:
                raise ModelLoadError("MODEL_FILES_CHANGING", f"{file.name} is being written to")
        self._store(file, before, content)
        return content

    def _stored_hash(self, file: Path, stamp: FileStamp) -> str:
        with self._lock:
            if str(file) not in self._hashes:
                self._hashes = {**self._read_index(), **self._hashes}
            known = self._hashes.get(str(file))
            return known[1] if known is not None and known[0] == stamp else ""

    def _store(self, file: Path, stamp: FileStamp, content: str) -> None:
        with self._lock:
            self._hashes[str(file)] = (stamp, content)
            if self._index is None:
                return
            # Other processes write too: their additions are merged, or hashed again in the worst case.
            merged = {**self._read_index(), **self._hashes}
            rows = {name: [*astuple(known), sha256] for name, (known, sha256) in merged.items() if Path(name).exists()}
            self._write_index(self._index, json.dumps(rows, indent=1))

    def _read_index(self) -> dict[str, tuple[FileStamp, str]]:
        if self._index is None:
            return {}
        try:
            rows = json.loads(self._index.read_text("utf-8"))
            return {name: (FileStamp(*row[:-1]), str(row[-1])) for name, row in rows.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # missing or damaged: everything is hashed again

    def _write_index(self, index: Path, text: str) -> None:
        """Replaces the index atomically. A full disk fails no job: hashes that are not written are computed again."""
        with contextlib.suppress(OSError):
            index.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=index.parent, prefix=index.name)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                    stream.write(text)
                os.replace(name, index)
            except OSError:
                os.unlink(name)
                raise


def _combined(root: Path, hashes: Mapping[Path, str]) -> str:
    lines = sorted(f"{file.relative_to(root).as_posix()}\0{content}\n" for file, content in hashes.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]
