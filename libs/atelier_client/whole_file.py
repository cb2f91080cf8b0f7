"""Atomic writes of files: whole or not at all."""

import asyncio
import os
import uuid
from pathlib import Path


async def save_whole(path: str | os.PathLike[str], data: bytes) -> Path:
    """Writes `data` to `path`, all of it or nothing. Raises OSError when that cannot be written."""
    return await asyncio.to_thread(_write, Path(path), data)


def _write(path: Path, data: bytes) -> Path:
    """Writes beside `path` and renames, so that no reader finds half a file; a device is written to as it is."""
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return path
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path
