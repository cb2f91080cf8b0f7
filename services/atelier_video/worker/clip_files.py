"""The files of a video, encoded from its frames as they are drawn."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from atelier_media.clip_format import CONTENT_TYPES, FILE_EXTENSIONS, ClipFormat
from atelier_media.clip_writer import ClipWriter
from atelier_media.contact_sheet import ContactSheet
from atelier_media.frame import Frames
from atelier_media.frame_file import PICTURE_CONTENT_TYPES, PictureFormat, encode_frame
from atelier_media.frame_part import PART_CONTENT_TYPE, FramePart, FrameParts
from atelier_media.frame_rate import FrameRateConverter, exact_frame_rate
from atelier_media.poster import Poster
from atelier_video.domain.parameters import VideoParameters
from atelier_video.domain.video import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file that is to be stored, given as bytes or by its path. See VideoFile; `name` is unique within the video."""

    role: Role
    name: str
    suffix: str
    content_type: str
    content: bytes | Path
    first_frame: int = 0
    frame_count: int = 1
    duration_s: float = 0.0


class ClipFiles:
    """The clip, its poster and its contact sheet, and the frames as they were drawn. The clip grows on the disk;
    what is in memory does not grow with its length.

    Blocking: not to be called in the event loop. Calls from several threads wait for one another, so that `close` may
    be called during a call that was abandoned (FFmpeg crashes when an encoder is closed while it works). Raises
    MediaError.
    """

    def __init__(self, path: Path, parameters: VideoParameters, described: Mapping[str, Any]) -> None:
        """The clip grows at `path` (its suffix is added) and carries `described`, JSON values."""
        request = parameters.request
        width_px, height_px, count = request.width_px, request.height_px, request.frames
        drawn_hz, shown_hz = exact_frame_rate(parameters.drawn_rate_hz), exact_frame_rate(parameters.frame_rate_hz)
        self._turn = threading.Lock()
        self._container = parameters.container
        self._path = path.with_suffix(f".{FILE_EXTENSIONS[self._container]}")
        self._shown_hz: Fraction = shown_hz
        self._rate = FrameRateConverter(drawn_hz, shown_hz)
        self._poster = Poster(count)
        self._sheet = ContactSheet(count)
        self._parts = FrameParts(width_px, height_px)
        self._writer = ClipWriter(self._path, ClipFormat(self._container, width_px, height_px, shown_hz, described))

    def add(self, frames: Frames) -> list[NewFile]:
        """Encodes the next frame, of shape (height, width, 3), or chunk of frames.

        Returns:
            The files of frames that are complete now.
        """
        with self._turn:
            for frame in self._rate.add(frames):
                self._writer.write(frame)
            self._poster.add(frames)
            self._sheet.add(frames)
            return [_frames_file(part) for part in self._parts.add(frames)]

    def finish(self) -> list[NewFile]:
        """Returns all other files, the clip, which is on the disk, first. To be called after the last chunk."""
        with self._turn:
            for frame in self._rate.finish():
                self._writer.write(frame)
            self._writer.finish()
            clip = NewFile(
                role="CLIP",
                name="clip",
                suffix=FILE_EXTENSIONS[self._container],
                content_type=CONTENT_TYPES[self._container],
                content=self._path,
                frame_count=self._writer.frame_count,
                duration_s=float(self._writer.frame_count / self._shown_hz),
            )
            return [
                clip,
                _picture("POSTER", "poster", "PNG", encode_frame(self._poster.picture(), "PNG")),
                _picture("CONTACT_SHEET", "contact-sheet", "JPEG", encode_frame(self._sheet.picture(), "JPEG")),
                *(_frames_file(part) for part in self._parts.finish()),
            ]

    def close(self) -> None:
        """Removes the clip from the disk. Idempotent."""
        with self._turn:
            self._writer.abort()
            self._path.unlink(missing_ok=True)


def _frames_file(part: FramePart) -> NewFile:
    return NewFile(
        role="FRAMES",
        name=f"frames-{part.first_index}",
        suffix="webp",
        content_type=PART_CONTENT_TYPE,
        content=part.data,
        first_frame=part.first_index,
        frame_count=part.frames,
    )


def _picture(role: Role, name: str, picture_format: PictureFormat, data: bytes) -> NewFile:
    content_type = PICTURE_CONTENT_TYPES[picture_format]
    return NewFile(role=role, name=name, suffix=picture_format.lower(), content_type=content_type, content=data)
