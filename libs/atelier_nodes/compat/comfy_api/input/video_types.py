"""Videos as inputs of nodes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from atelier_nodes.builtin import video_values
from atelier_nodes.builtin.video_values import VideoComponents


class VideoInput(ABC):
    """A video; videos of nodes that ship are of this class too."""

    @abstractmethod
    def get_components(self) -> VideoComponents:
        """Returns the frames, decoded, and their rate."""

    @abstractmethod
    def save_to(
        self,
        path: str | Path,
        format: str = "auto",  # noqa: A002
        codec: str = "auto",
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes a file."""

    def get_dimensions(self) -> tuple[int, int]:
        """Returns width and height in pixels."""
        height, width = self.get_components().images.shape[1:3]
        return width, height

    def get_frame_count(self) -> int:
        """Returns the number of frames."""
        return int(self.get_components().images.shape[0])

    def get_frame_rate(self) -> Fraction:
        """Returns the frames a second."""
        return Fraction(self.get_components().frame_rate)

    def get_duration(self) -> float:
        """Returns the duration in seconds."""
        components = self.get_components()
        return float(components.images.shape[0] / components.frame_rate)


VideoInput.register(video_values.VideoFromFile)
VideoInput.register(video_values.VideoFromComponents)
