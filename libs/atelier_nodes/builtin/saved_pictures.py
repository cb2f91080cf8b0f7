"""Saved pictures: files in an output folder, and their entries in the `ui` of nodes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from atelier_nodes.packs.folders import FolderType, SavePlace


def png_text(prompt: Any, extra_pnginfo: Mapping[str, Any] | None) -> PngInfo:
    """The text chunks of a PNG: the graph under `prompt`, and what the client brought, such as `workflow`.

    Args:
        prompt: The graph in API format, or None.
        extra_pnginfo: JSON values by keyword, or None.
    """
    chunks = PngInfo()
    if prompt is not None:
        chunks.add_text("prompt", json.dumps(prompt))
    for keyword, value in (extra_pnginfo or {}).items():
        chunks.add_text(keyword, json.dumps(value))
    return chunks


def write_next(place: SavePlace, extension: str, write: Callable[[BinaryIO], None], *, stem: str | None = None) -> Path:
    """Writes the next file of a prefix: `<stem>_<counter>_.<extension>`.

    Never replaces a file: where another execution has taken the number meanwhile, the next one is taken.

    Args:
        place: Where to begin to count.
        extension: Without the dot.
        write: Writes the content; what it raises is passed on, and no file is left.
        stem: The beginning of the name; that of `place` if omitted.

    Returns:
        The file.
    """
    counter = place.counter
    while True:
        path = place.folder / f"{place.name if stem is None else stem}_{counter:05}_.{extension}"
        try:
            file = path.open("xb")
        except FileExistsError:
            counter += 1
            continue
        try:
            with file:
                write(file)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path


def entry(path: Path, place: SavePlace, folder: FolderType) -> dict[str, str]:
    """Returns the entry in a node's `ui` for a file that it has written."""
    return {"filename": path.name, "subfolder": place.subfolder, "type": folder}


def png_writer(picture: Image.Image, chunks: PngInfo, compress_level: int) -> Callable[[BinaryIO], None]:
    """A `write` for `write_next`."""

    def write(file: BinaryIO) -> None:
        picture.save(file, "PNG", pnginfo=chunks, compress_level=compress_level)

    return write
