"""Progress bars: progress of the node that made them, with previews."""

import io
from typing import Any

from PIL import Image

from atelier_graph.context import current_node

PREVIEW_SIZE_PX = 512
_FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png"}


class ProgressBar:
    """Reports progress of the node in whose call it was made, on any thread.

    Args:
        total: The value at which it is done.
        node_id: Another node of the same graph whose progress it is.
    """

    def __init__(self, total: float, node_id: str | None = None) -> None:
        self.total = total
        self.current: float = 0
        self.hook = None
        self.node_id = node_id
        self._node = current_node()

    def update_absolute(self, value: float, total: float | None = None, preview: Any = None) -> None:
        """Sets the value.

        Args:
            value: How much is done, at most the total.
            total: A new total.
            preview: Format (`JPEG` or `PNG`), Pillow image and the length of the longer side in pixels, or None.

        Raises:
            RunInterruptedError: The execution is interrupted.
        """
        if total is not None:
            self.total = total
        self.current = min(value, self.total)
        if self._node is None:
            return
        if preview is None:
            self._node.report(self.current, self.total, node_id=self.node_id)
        else:
            data, media_type = encoded_preview(preview)
            self._node.report(self.current, self.total, preview=data, preview_type=media_type, node_id=self.node_id)

    def update(self, value: float) -> None:
        """Adds to the value."""
        self.update_absolute(self.current + value)


def encoded_preview(preview: tuple[str, Image.Image, int | None]) -> tuple[bytes, str]:
    """Returns a preview's bytes and media type.

    Args:
        preview: Format, picture, and the most pixels of its longer side.
    """
    name, picture, size = preview
    media_type = _FORMATS.get(name, "image/jpeg")
    limit = size or PREVIEW_SIZE_PX
    if max(picture.size) > limit:
        picture = picture.copy()
        picture.thumbnail((limit, limit), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    if media_type == "image/png":
        picture.save(buffer, "PNG", compress_level=1)
    else:
        picture.convert("RGB").save(buffer, "JPEG", quality=95)
    return buffer.getvalue(), media_type
