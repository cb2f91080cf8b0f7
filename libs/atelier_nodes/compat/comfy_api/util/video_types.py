"""Parts and formats of videos."""

from enum import StrEnum

from atelier_nodes.builtin.video_values import VideoComponents

__all__ = ["VideoCodec", "VideoComponents", "VideoContainer"]


class VideoCodec(StrEnum):
    """How frames are encoded."""

    AUTO = "auto"
    H264 = "h264"

    @classmethod
    def as_input(cls) -> list[str]:
        """Returns the names, as choices of an input."""
        return [str(each) for each in cls]


class VideoContainer(StrEnum):
    """The format of a file."""

    AUTO = "auto"
    MP4 = "mp4"

    @classmethod
    def as_input(cls) -> list[str]:
        """Returns the names, as choices of an input."""
        return [str(each) for each in cls]

    @classmethod
    def get_extension(cls, value: str) -> str:
        """Returns the extension of file names."""
        return "mp4" if str(value) in ("auto", "mp4") else ""
