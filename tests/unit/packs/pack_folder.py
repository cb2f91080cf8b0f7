"""A folder of packs, written by a test."""

from pathlib import Path
from textwrap import dedent

NODE = """
class {name}:
    RETURN_TYPES = ("INT",)
    FUNCTION = "run"
    CATEGORY = "test"

    @classmethod
    def INPUT_TYPES(cls):
        return {{"required": {{"value": ("INT", {{"default": 1}})}}}}

    def run(self, value):
        return (value,)
"""


def node(name: str) -> str:
    """The source of a node class."""
    return NODE.format(name=name)


def pack(*names: str) -> str:
    """The source of a pack with node classes."""
    mappings = ", ".join(f"{name!r}: {name}" for name in names)
    return "".join(map(node, names)) + f"\nNODE_CLASS_MAPPINGS = {{{mappings}}}\n"


class PackFolder:
    """Writes files into a folder of packs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def write(self, file: str, content: str = "") -> Path:
        """Writes one file, such as `a-pack/__init__.py`."""
        path = self.path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(content), "utf-8")
        return path
