"""A pack of nodes that do next to nothing, for tests of what is around nodes."""

import os
import struct
import time
import zlib
from pathlib import Path
from typing import Any


class Inc:
    """Adds one, after `d` seconds."""

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"v": ("INT", {"default": 0}), "d": ("FLOAT", {"default": 0.0})}}

    def run(self, v: int, d: float) -> tuple[int]:
        if d:
            time.sleep(d)
        return (v + 1,)


class Show:
    """Shows a number."""

    RETURN_TYPES = ()
    FUNCTION = "run"
    CATEGORY = "tests"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"v": ("INT", {"forceInput": True})}}

    def run(self, v: int) -> dict[str, Any]:
        return {"ui": {"text": [str(v)]}}


class Gate:
    """Waits until a file exists: a test says when the node ends."""

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"file": ("STRING", {"default": ""}), "v": ("INT", {"default": 0})}}

    @classmethod
    def IS_CHANGED(cls, **_: Any) -> float:
        return float("nan")

    def run(self, file: str, v: int) -> tuple[int]:
        Path(f"{file}.waiting").touch()
        while not Path(file).exists():
            time.sleep(0.01)  # this is the node's work
        return (v,)


class Fail:
    """Fails."""

    RETURN_TYPES = ("INT",)
    FUNCTION = "run"
    CATEGORY = "tests"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"how": (["raise", "exit", "kill"], {})}}

    def run(self, how: str) -> tuple[int]:
        if how == "exit":
            raise SystemExit(3)
        if how == "kill":
            os._exit(9)
        raise ValueError("this node always fails")


class Dots:
    """Saves a picture of one colour, `<prefix>.png`, in the output folder."""

    RETURN_TYPES = ()
    FUNCTION = "run"
    CATEGORY = "tests"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"prefix": ("STRING", {"default": "dot"}), "folder": ("STRING", {"default": ""})}}

    def run(self, prefix: str, folder: str) -> dict[str, Any]:
        Path(folder, f"{prefix}.png").write_bytes(png(4, 3, (255, 0, 0, 128)))
        return {"ui": {"images": [{"filename": f"{prefix}.png", "subfolder": "", "type": "output"}]}}


def png(width: int, height: int, rgba: tuple[int, int, int, int]) -> bytes:
    """A picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes(rgba) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


NODE_CLASS_MAPPINGS = {node.__name__: node for node in (Inc, Show, Gate, Fail, Dots)}
