"""Where a mesh is, as `var/dev.env` tells scripts and people."""

import os
from dataclasses import dataclass, field
from pathlib import Path


class UnknownAddressError(Exception):
    """A mesh runs, and has not said where."""


@dataclass(frozen=True, slots=True)
class Address:
    """The gateway's address for each protocol, and the development key."""

    url: str
    """Where REST is, such as `http://127.0.0.1:8080`."""
    grpc: str
    """`host:port`."""
    api_key: str = field(repr=False)

    def write(self, path: Path) -> None:
        """For scripts: `set -a; . var/dev.env`. Readable by its owner only: it holds a key."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"ATELIER_URL={self.url}\nATELIER_API_KEY={self.api_key}\nATELIER_GRPC={self.grpc}\n")

    @classmethod
    def read(cls, path: Path) -> "Address":
        """What `write` wrote. Raises UnknownAddressError."""
        try:
            rows = dict(line.partition("=")[::2] for line in path.read_text().splitlines())
            return cls(rows["ATELIER_URL"], rows["ATELIER_GRPC"], rows["ATELIER_API_KEY"])
        except (OSError, KeyError):
            raise UnknownAddressError(f"{path} does not say where the mesh is; is it still starting?") from None
