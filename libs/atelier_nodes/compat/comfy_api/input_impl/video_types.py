"""Videos that packs make: of pictures, or of a file."""

from io import BytesIO
from pathlib import Path

from atelier_nodes.builtin import video_values
from atelier_nodes.builtin.video_values import VideoFromComponents

__all__ = ["VideoFromComponents", "VideoFromFile"]


class VideoFromFile(video_values.VideoFromFile):
    """A video in a file, or the content of one.

    Args:
        file: The path, the content, or a stream of it, which is read to its end.
    """

    def __init__(self, file: str | Path | bytes | BytesIO) -> None:
        super().__init__(file.getvalue() if isinstance(file, BytesIO) else file)
