"""A private SQLite file: its folder exists, and only its owner reads it."""

from pathlib import Path

from sqlalchemy import URL, make_url


def make_private(database_url: str) -> None:
    """Creates the file of a SQLite URL with mode 0600 before SQLite does it with the process's umask.

    SQLite gives its write-ahead log the mode of the file. Does nothing for other databases.
    """
    path = sqlite_file(database_url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.chmod(0o600)


def sqlite_file(database_url: str | URL) -> Path | None:
    """The file of a SQLite URL; None for other databases, and for one in memory."""
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)
