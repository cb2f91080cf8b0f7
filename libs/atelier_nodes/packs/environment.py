"""The environment of a pack: a virtual environment with the packages of its `requirements.txt`.

It is in `.atelier/<name>` of the folder of packs, and comes after the host's own packages on `sys.path`: a pack can add
packages, and cannot replace torch or any other package of the host.
"""

import hashlib
import json
import site
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from atelier_nodes.packs.pack import Pack

FOLDER = ".atelier"
_MARKER = "installed.json"


@dataclass(frozen=True, slots=True)
class PackEnvironment:
    """The environment of a pack, which need not exist.

    Attributes:
        pack: The pack.
        path: The folder of the virtual environment.
    """

    pack: Pack
    path: Path

    @classmethod
    def of(cls, pack: Pack) -> "PackEnvironment":
        """Returns the environment of a pack, which need not exist."""
        return cls(pack, pack.path.parent / FOLDER / pack.name)

    @property
    def python(self) -> Path:
        """The interpreter that packages are installed with."""
        return self.path / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """The folder of its packages."""
        return self.path / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

    def missing(self) -> list[str]:
        """Returns the requirements that neither the host nor the environment meets, as the pack writes them.

        Lines that are not plain requirements, such as URLs and options, are met only by an installed environment.
        """
        if self.pack.requirements is None or self.is_installed():
            return []
        return [line for line in requirement_lines(self.pack.requirements) if not _met(line)]

    def is_installed(self) -> bool:
        """True if the packages of the current `requirements.txt` were installed for this version of Python."""
        marker = self.path / _MARKER
        return marker.is_file() and json.loads(marker.read_text("utf-8")) == self._content()

    def packages(self) -> dict[str, str]:
        """Returns the versions of the installed packages, by canonical name."""
        if not self.is_installed():
            return {}
        found = metadata.distributions(path=[str(self.site_packages)])
        return {canonicalize_name(each.name): each.version for each in found if each.name}

    def mark_installed(self) -> None:
        """Records that the installation is complete."""
        (self.path / _MARKER).write_text(json.dumps(self._content()), "utf-8")

    def activate(self) -> None:
        """Adds its packages to `sys.path`, after those of the host, if they are installed."""
        if self.is_installed():
            site.addsitedir(str(self.site_packages))

    def _content(self) -> dict[str, str]:
        assert self.pack.requirements is not None, "an environment is made of requirements"
        digest = hashlib.sha256(self.pack.requirements.read_bytes()).hexdigest()
        return {"requirements_sha256": digest, "python": f"{sys.version_info.major}.{sys.version_info.minor}"}


def requirement_lines(file: Path) -> Iterator[str]:
    """Yields the lines of a file of requirements, without comments."""
    for line in file.read_text("utf-8-sig").splitlines():
        text = line.split(" #")[0].strip()
        if text and not text.startswith("#"):
            yield text


def _met(line: str) -> bool:
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return False
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return True
    if requirement.url:
        return False
    try:
        return requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False
