"""A frame as the picture that was asked for."""

from dataclasses import dataclass

from atelier.type.v1 import type_pb2
from atelier.video.v1 import video_pb2
from atelier_media.frame_file import PICTURE_CONTENT_TYPES, PictureFormat, encode_frame
from atelier_media.frame_part import cut_frame, decode_frame
from atelier_video.domain.result import VideoFile

_FORMATS: dict[type_pb2.PictureFormat.ValueType, PictureFormat] = {
    type_pb2.PNG: "PNG",
    type_pb2.WEBP: "WEBP",
    type_pb2.JPEG: "JPEG",
}


@dataclass(frozen=True, slots=True)
class FramePicture:
    """Frame `index` of a file of frames, as `picture_format`; `width_px` is set when it is to be made smaller."""

    index: int
    picture_format: PictureFormat
    width_px: int | None
    etag: str

    @classmethod
    def of(cls, part: VideoFile, request: video_pb2.GetVideoFrameRequest) -> "FramePicture":
        """What is asked for, of the file that holds the frame."""
        index = request.index - part.first_frame
        picture_format = _FORMATS.get(request.format, "PNG")
        smaller = request.HasField("width_px") and request.width_px < part.width_px
        width_px = request.width_px if smaller else None
        etag = f'"{part.sha256}-{index}-{picture_format}-{width_px or 0}"'
        return cls(index, picture_format, width_px, etag)

    @property
    def content_type(self) -> str:
        """Of the picture."""
        return PICTURE_CONTENT_TYPES[self.picture_format]

    def cut_from(self, part: bytes) -> bytes:
        """The picture, from the bytes of the file. A WebP of full size is in there as it is. Blocking."""
        if self.picture_format == "WEBP" and self.width_px is None:
            return cut_frame(part, self.index)
        return encode_frame(decode_frame(part, self.index), self.picture_format, self.width_px)
