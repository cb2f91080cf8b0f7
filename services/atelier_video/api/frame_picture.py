"""A frame as a picture in the format and size of a request."""

from dataclasses import dataclass

from atelier.type.v1 import type_pb2
from atelier.video.v1 import video_pb2
from atelier_media.frame_file import PICTURE_CONTENT_TYPES, PictureFormat, encode_frame
from atelier_media.frame_part import cut_frame, decode_frame
from atelier_video.domain.video import VideoFile

_FORMATS: dict[type_pb2.PictureFormat.ValueType, PictureFormat] = {
    type_pb2.PNG: "PNG",
    type_pb2.WEBP: "WEBP",
    type_pb2.JPEG: "JPEG",
}


@dataclass(frozen=True, slots=True)
class FramePicture:
    """A picture of one frame.

    Attributes:
        index: Index of the frame within its file.
        picture_format: Format of the picture.
        width_px: Width to which it is scaled down; None for the full size.
        etag: HTTP entity tag of the picture.
    """

    index: int
    picture_format: PictureFormat
    width_px: int | None
    etag: str

    @classmethod
    def of(cls, part: VideoFile, request: video_pb2.GetVideoFrameRequest) -> "FramePicture":
        """Makes the picture of a request, from the file that contains the frame."""
        index = request.index - part.first_frame
        picture_format = _FORMATS.get(request.format, "PNG")
        smaller = request.HasField("width_px") and request.width_px < part.width_px
        width_px = request.width_px if smaller else None
        etag = f'"{part.sha256}-{index}-{picture_format}-{width_px or 0}"'
        return cls(index, picture_format, width_px, etag)

    @property
    def content_type(self) -> str:
        """Content type of the picture."""
        return PICTURE_CONTENT_TYPES[self.picture_format]

    def cut_from(self, part: bytes) -> bytes:
        """Returns the encoded picture, given the file. A WebP of full size is copied unchanged. Blocking."""
        if self.picture_format == "WEBP" and self.width_px is None:
            return cut_frame(part, self.index)
        return encode_frame(decode_frame(part, self.index), self.picture_format, self.width_px)
