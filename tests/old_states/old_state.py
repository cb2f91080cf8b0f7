"""The state folder of version 0.1.0: the folder itself, its databases for PostgreSQL, and what was done there."""

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import make_url

FOLDER = Path(__file__).parent / "v0_1_0"


@dataclass(frozen=True, slots=True)
class Story:
    """What was done in the old state folder; see `v0_1_0/README.md`."""

    keys: dict[str, str]
    finished: list[dict[str, Any]]
    canceled: dict[str, str]
    deleted: dict[str, str]
    asset: dict[str, str]
    unfinished: list[dict[str, Any]]

    @classmethod
    def read(cls) -> "Story":
        return cls(**json.loads((FOLDER / "story.json").read_text()))


def unpack(folder: Path) -> None:
    """Makes `folder` the old state folder."""
    with tarfile.open(FOLDER / "state.tar.xz") as archive:
        archive.extractall(folder, filter="data")


async def load_into_postgresql(name: str, url: str) -> None:
    """Puts the old database `name` into an empty PostgreSQL database."""
    parsed = make_url(url)
    connection = await asyncpg.connect(host=parsed.query["host"], user=parsed.username, database=parsed.database)
    try:
        await connection.execute((FOLDER / "postgresql" / f"{name}.sql").read_text())
    finally:
        await connection.close()
