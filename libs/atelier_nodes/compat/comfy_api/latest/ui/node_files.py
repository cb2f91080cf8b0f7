"""Files of V3 nodes: where they are saved, and what of the execution they carry."""

from collections.abc import Mapping
from typing import Any

from atelier_nodes.packs.folders import FolderType as Folder
from comfy.cli_args import args
from comfy_api.latest.io.widgets import FolderType


def metadata_of(node: Any) -> tuple[Any, Mapping[str, Any] | None]:
    """Returns the graph and what the client brought, which files carry; None for what the node does not get.

    Args:
        node: The class of the node, as `execute` has it; None for files that carry nothing.
    """
    hidden = getattr(node, "hidden", None)
    if hidden is None or args.disable_metadata:
        return None, None
    return hidden.prompt, hidden.extra_pnginfo


def folder_of(folder: FolderType | str) -> Folder:
    """Returns the folder of that name.

    Raises:
        ValueError: There is none.
    """
    name = str(folder)
    if name not in ("input", "output", "temp"):
        raise ValueError(f"{name!r} is no folder of files")
    return name  # type: ignore[return-value]
