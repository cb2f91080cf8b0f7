"""The SQLite file: its folder exists, and nobody else reads it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url


def make_private(database_url: str) -> None:
    """Creates the file of a SQLite URL with mode 0600 before SQLite does it with the process's umask.

    SQLite gives its write-ahead log the mode of the file. Does nothing for other databases.
    """
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return
    path = Path(url.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
