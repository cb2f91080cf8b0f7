"""Atomic writes of files: a file is written completely or not at all."""

import asyncio
import os
import uuid
from pathlib import Path


async def save_whole(path: str | os.PathLike[str], data: bytes) -> Path:
    """Writes `data` to `path` atomically and returns the path. Raises OSError when it cannot be written."""
    return await asyncio.to_thread(_write, Path(path), data)


def _write(path: Path, data: bytes) -> Path:
    """Writes a temporary file beside `path` and renames it: no reader sees a part. Writes a device directly."""
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
