"""Progress of nodes, as packs report it through `ComfyAPI().execution`."""

from typing import Any

import torch
from PIL import Image

from atelier_graph.context import current_node
from atelier_nodes.builtin.pixels import to_picture
from comfy.cli_args import args
from comfy.progress_bar import encoded_preview


class ExecutionSync:
    """Progress, from synchronous functions."""

    def set_progress(
        self,
        value: float,
        max_value: float,
        node_id: str | None = None,
        preview_image: Image.Image | torch.Tensor | None = None,
        ignore_size_limit: bool = False,
    ) -> None:
        """Reports progress of the node that runs, or of another one of its graph.

        Args:
            value: How much is done.
            max_value: The value at which it is done.
            node_id: Whose progress it is; that of the node that runs if omitted.
            preview_image: A picture, or IMAGE (n, height, width, channels) of which the first one is shown.
            ignore_size_limit: Whether the preview keeps its size.

        Raises:
            ValueError: No node runs here, and none is named.
            RunInterruptedError: The execution is interrupted.
        """
        node = current_node()
        if node is None:
            if node_id is None:
                raise ValueError("set_progress needs a node_id outside of nodes, and in threads that a node started")
            return  # there is no graph whose progress it could be
        if preview_image is None:
            node.report(value, max_value, node_id=node_id)
            return
        picture = preview_image if isinstance(preview_image, Image.Image) else _picture(preview_image)
        size = max(picture.size) if ignore_size_limit else args.preview_size
        data, media_type = encoded_preview(("JPEG", picture, size))
        node.report(value, max_value, preview=data, preview_type=media_type, node_id=node_id)


class Execution:
    """Progress, from asynchronous functions."""

    async def set_progress(
        self,
        value: float,
        max_value: float,
        node_id: str | None = None,
        preview_image: Image.Image | torch.Tensor | None = None,
        ignore_size_limit: bool = False,
    ) -> None:
        """Reports progress; see `ExecutionSync.set_progress`."""
        ExecutionSync().set_progress(value, max_value, node_id, preview_image, ignore_size_limit)


def _picture(image: Any) -> Image.Image:
    return to_picture(image[0] if image.ndim == 4 else image)
