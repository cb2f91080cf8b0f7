"""Videos as values of a graph: made of pictures, or read from a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from atelier_media.clip_format import FILE_EXTENSIONS, ClipFormat, Container
from atelier_media.clip_limits import ClipLimits
from atelier_media.clip_reader import ClipReader
from atelier_media.clip_writer import ClipWriter
from atelier_nodes.builtin.pixels import to_bytes

# All frames of a file as floats take 12 bytes a pixel.
_LIMITS = ClipLimits(total_px=1 << 29)


@dataclass(frozen=True)
class VideoComponents:
    """What a video consists of.

    Attributes:
        images: IMAGE, (frames, height, width, 3).
        frame_rate: Frames a second.
        audio: None: clips have no sound here.
        metadata: JSON values that a file carries.
    """

    images: Tensor
    frame_rate: Fraction
    audio: Any = None
    metadata: Mapping[str, Any] | None = None


class VideoValue(Protocol):
    """A VIDEO."""

    def get_components(self) -> VideoComponents:
        """Returns the frames, decoded, and their rate."""
        ...

    def get_dimensions(self) -> tuple[int, int]:
        """Returns width and height in pixels."""
        ...

    def get_frame_count(self) -> int:
        """Returns the number of frames."""
        ...

    def get_frame_rate(self) -> Fraction:
        """Returns the frames a second."""
        ...

    def get_duration(self) -> float:
        """Returns the duration in seconds."""
        ...

    def save_to(
        self,
        path: str | Path,
        format: str = "auto",  # noqa: A002 - the name that packs pass it by
        codec: str = "auto",
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes a file.

        Args:
            path: Where to; a file there is replaced.
            format: `mp4`, or `auto` for that of the video.
            codec: `h264`, or `auto`.
            metadata: JSON values that the file carries if it is encoded now.

        Raises:
            MediaError: The video cannot be encoded, for its size for example.
        """
        ...


@dataclass(frozen=True)
class VideoFromComponents:
    """A video that is encoded when it is saved."""

    components: VideoComponents

    def get_components(self) -> VideoComponents:
        return self.components

    def get_dimensions(self) -> tuple[int, int]:
        height, width = self.components.images.shape[1:3]
        return width, height

    def get_frame_count(self) -> int:
        return int(self.components.images.shape[0])

    def get_frame_rate(self) -> Fraction:
        return self.components.frame_rate

    def get_duration(self) -> float:
        return float(self.get_frame_count() / self.get_frame_rate())

    def save_to(
        self,
        path: str | Path,
        format: str = "auto",  # noqa: A002 - the name that packs pass it by
        codec: str = "auto",
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        width, height = self.get_dimensions()
        parameters = {**(self.components.metadata or {}), **(metadata or {})}
        clip_format = ClipFormat(container_of(format, codec) or "MP4", width, height, self.get_frame_rate(), parameters)
        with ClipWriter(Path(path), clip_format) as writer:
            for picture in self.components.images:
                writer.write(to_bytes(picture[..., :3]))


@dataclass(frozen=True)
class VideoFromFile:
    """A video in a file, or the content of one: frames are decoded when they are read."""

    source: str | Path | bytes = field(repr=False)

    def get_stream_source(self) -> str | BytesIO:
        """Returns the path, or a stream of the content."""
        return BytesIO(self.source) if isinstance(self.source, bytes) else str(self.source)

    def get_components(self) -> VideoComponents:
        with self._opened() as reader:
            frames = torch.from_numpy(np.stack(list(reader.frames())).astype(np.float32) / 255)
            return VideoComponents(frames, reader.info.frame_rate_hz, metadata=reader.info.parameters)

    def get_dimensions(self) -> tuple[int, int]:
        with self._opened() as reader:
            return reader.info.width_px, reader.info.height_px

    def get_frame_count(self) -> int:
        with self._opened() as reader:
            return reader.info.frame_count

    def get_frame_rate(self) -> Fraction:
        with self._opened() as reader:
            return reader.info.frame_rate_hz

    def get_duration(self) -> float:
        with self._opened() as reader:
            return reader.info.duration_s

    def get_container_format(self) -> str:
        """Returns the container as a file extension."""
        with self._opened() as reader:
            return FILE_EXTENSIONS[reader.info.container]

    def save_to(
        self,
        path: str | Path,
        format: str = "auto",  # noqa: A002 - the name that packs pass it by
        codec: str = "auto",
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        with self._opened() as reader:
            same = container_of(format, codec) in (None, reader.info.container)
        if not same:
            VideoFromComponents(self.get_components()).save_to(path, format, codec, metadata)
            return
        content = self.source if isinstance(self.source, bytes) else Path(self.source).read_bytes()
        partial = Path(f"{path}.partial")
        partial.write_bytes(content)
        os.replace(partial, path)

    def _opened(self) -> ClipReader:
        return ClipReader(BytesIO(self.source) if isinstance(self.source, bytes) else Path(self.source), _LIMITS)


def container_of(format: str, codec: str) -> Container | None:  # noqa: A002
    """The container that a format and a codec name together; None for `auto`.

    Raises:
        ValueError: Clips are not written so here.
    """
    named = {"auto": None, "mp4": "MP4", "webm": "WEBM"}
    if str(format) not in named or str(codec) not in ("auto", "h264", "vp9"):
        raise ValueError(f"clips are written as mp4 with h264, not as {format} with {codec}")
    if codec != "auto":
        return "MP4" if codec == "h264" else "WEBM"
    return named[str(format)]  # type: ignore[return-value]
