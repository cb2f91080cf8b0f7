"""Where a model's files come from, as written in a catalogue."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from atelier_diffusion.policy.errors import CatalogueError

Kind = Literal["path", "hf", "modelscope"]

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_REVISION = re.compile(r"[\w][\w./-]*")

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A local folder (`path:models/demo-image`), or a repository of a hub (`hf:owner/name@revision`).

    `location` is the folder as written, or `owner/name`. `revision` is a branch, tag or commit; empty for a folder
    and for a hub's default branch.
    """

    kind: Kind
    location: str
    revision: str = ""

    @classmethod
    def parse(cls, text: str) -> ModelSource:
        """Reads `path:FOLDER`, `hf:OWNER/NAME[@REVISION]` or `modelscope:OWNER/NAME[@REVISION]`.

        Raises `CatalogueError` for anything else.
        """
        kind, separator, rest = text.strip().partition(":")
        if separator and rest and kind == "path":
            return cls("path", rest)
        if separator and kind in ("hf", "modelscope"):
            location, at, revision = rest.partition("@")
            if _REPOSITORY.fullmatch(location) and (_REVISION.fullmatch(revision) if at else True):
                return cls("hf" if kind == "hf" else "modelscope", location, revision)
        raise CatalogueError(
            f"source {text!r} is none of path:FOLDER, hf:OWNER/NAME[@REVISION], modelscope:OWNER/NAME[@REVISION]"
        )

    @property
    def commit(self) -> str:
        """The commit that the source names; empty for a branch, a tag, a folder, and on ModelScope, whose tools name no
        commit."""
        return self.revision if self.kind == "hf" and _COMMIT.fullmatch(self.revision) else ""

    def folder(self, root: Path) -> Path:
        """The folder of a `path` source; a relative one is taken from `root`."""
        if self.kind != "path":
            raise ValueError(f"a {self.kind} source has no folder of its own")
        return (root / Path(self.location).expanduser()).resolve()

    def __str__(self) -> str:
        return f"{self.kind}:{self.location}" + (f"@{self.revision}" if self.revision else "")
