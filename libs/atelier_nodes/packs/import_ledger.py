"""The import ledger: finds out which pack ended the process that imported it.

A pack that calls `os._exit`, crashes the interpreter or never returns takes its host along, and the host cannot say so.
It writes which pack it is about to import; the next host finds the entry of a process that is gone, and passes over
that pack.
"""

import hashlib
import json
import os
from pathlib import Path

import psutil


class ImportLedger:
    """A folder with one entry for each process that is importing, and the packs that ended one.

    Args:
        folder: shared by the hosts of one pool, and made if it is missing. It should go with the pool, so that a pack
            is tried again at the next start.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entry = folder / f"importing-{os.getpid()}.json"
        folder.mkdir(parents=True, exist_ok=True)

    def begin(self, pack: Path) -> None:
        """Notes that this process is about to import a pack."""
        entry = {"pack": str(pack), "started": _started(os.getpid())}
        self._entry.write_text(json.dumps(entry), "utf-8")

    def end(self) -> None:
        """Notes that no import is under way."""
        self._entry.unlink(missing_ok=True)

    def fatal(self) -> frozenset[Path]:
        """Returns the packs that ended a process, and settles the entries of processes that are gone."""
        for entry in self._folder.glob("importing-*.json"):
            pid = int(entry.stem.removeprefix("importing-"))
            content = json.loads(entry.read_text("utf-8") or "{}")
            if content and content["started"] != _started(pid):
                self._refused(content["pack"]).write_text(content["pack"], "utf-8")
                entry.unlink(missing_ok=True)
        return frozenset(Path(file.read_text("utf-8")) for file in self._folder.glob("fatal-*"))

    def _refused(self, pack: str) -> Path:
        return self._folder / f"fatal-{hashlib.sha256(pack.encode()).hexdigest()}"


def _started(pid: int) -> float | None:
    """When a process began: a pid alone may be used again by another one."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None
