"""Address and credential of the mesh: from the environment, or from the file that `make run` writes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_URL = "http://127.0.0.1:8080"
DEV_FILE = Path("var/dev.env")


@dataclass(frozen=True)
class ClientSettings:
    """Attributes:
    url: REST base of the gateway (`ATELIER_URL`).
    api_key: API key, empty for none (`ATELIER_API_KEY`).
    grpc: `host:port` for gRPC, empty when unknown (`ATELIER_GRPC`).
    """

    url: str = DEFAULT_URL
    api_key: str = ""
    grpc: str = ""

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None, file: Path | None = None) -> "ClientSettings":
        """Reads the settings.

        Args:
            environment: Environment variables; by default those of the process.
            file: A file of `NAME=value` lines for variables that are not in `environment`; it need not exist.

        Raises:
            OSError: `file` exists and cannot be read.
        """
        known = os.environ if environment is None else environment
        written = _parse(file.read_text(encoding="utf-8")) if file is not None and file.is_file() else {}

        def value(name: str) -> str:
            return (known.get(name) or written.get(name) or "").strip()

        return cls(value("ATELIER_URL") or DEFAULT_URL, value("ATELIER_API_KEY"), value("ATELIER_GRPC"))


def _parse(text: str) -> dict[str, str]:
    """Parses `NAME=value` lines, with or without `export` and quotes; ignores all other lines."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            found[name.strip()] = value.strip().strip("'\"")
    return found
