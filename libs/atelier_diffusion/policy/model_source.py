"""Model sources: where a model's files come from, as written in a catalogue."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from atelier_diffusion.policy.errors import CatalogueError

Scheme = Literal["path", "hf", "modelscope"]

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_REVISION = re.compile(r"[\w][\w./-]*")

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A local folder (`path:models/demo-image`), or a repository of a hub (`hf:owner/name@revision`).

    Attributes:
        scheme: `path` for a folder, else the hub.
        location: The folder as written, or `owner/name`.
        revision: A branch, tag or commit; empty for a folder and for a hub's default branch.
    """

    scheme: Scheme
    location: str
    revision: str = ""

    @classmethod
    def parse(cls, text: str) -> ModelSource:
        """Reads `path:FOLDER`, `hf:OWNER/NAME[@REVISION]` or `modelscope:OWNER/NAME[@REVISION]`.

        Raises:
            CatalogueError: The text is none of these.
        """
        scheme, separator, rest = text.strip().partition(":")
        if separator and rest and scheme == "path":
            return cls("path", rest)
        if separator and scheme in ("hf", "modelscope"):
            location, at, revision = rest.partition("@")
            if _REPOSITORY.fullmatch(location) and (_REVISION.fullmatch(revision) if at else True):
                return cls("hf" if scheme == "hf" else "modelscope", location, revision)
        raise CatalogueError(
            f"source {text!r} is none of path:FOLDER, hf:OWNER/NAME[@REVISION], modelscope:OWNER/NAME[@REVISION]"
        )

    @property
    def commit(self) -> str:
        """The commit that the source names; empty for a branch, a tag and a folder, and on ModelScope, whose tools
        return no commit."""
        return self.revision if self.scheme == "hf" and _COMMIT.fullmatch(self.revision) else ""

    def folder(self, root: Path) -> Path:
        """The absolute folder of a `path` source.

        Args:
            root: The folder that a relative one is in.

        Raises:
            ValueError: The source is a hub's.
        """
        if self.scheme != "path":
            raise ValueError(f"a {self.scheme} source has no folder of its own")
        return (root / Path(self.location).expanduser()).resolve()

    def __str__(self) -> str:
        return f"{self.scheme}:{self.location}" + (f"@{self.revision}" if self.revision else "")
