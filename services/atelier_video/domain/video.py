"""Videos: the kind of job, and the files of its result: a clip, its pictures, and the frames as they were drawn."""

from dataclasses import dataclass
from typing import Literal

from atelier_artifacts.domain.stored_files import StoredFile
from atelier_drawing.domain.result import result_from
from atelier_jobs.domain.owner_jobs import Kind
from atelier_service.errors import NotFoundError

VIDEO = Kind(name="video", not_found_reason="VIDEO_NOT_FOUND", not_ready_reason="VIDEO_NOT_READY")

# FRAMES: consecutive frames in one file; see `atelier_media.frame_part`.
Role = Literal["CLIP", "POSTER", "CONTACT_SHEET", "FRAMES"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFile(StoredFile):
    """One file in storage with `frame_count` frames, of which the first is frame `first_frame` of the video, from 0.

    `duration_s` is how long a clip plays; 0 for the others.
    """

    role: Role
    first_frame: int = 0
    frame_count: int = 1
    duration_s: float = 0.0


def file_of(result: bytes, role: Role) -> VideoFile:
    """Returns the file with this role, of which a result has one."""
    return next(file for file in result_from(result, VideoFile).outputs if file.role == role)


@dataclass(frozen=True, slots=True)
class StoredFrames:
    """The stored frames of a video: all of a finished one, or those that a running one has stored yet (`partial`)."""

    parts: tuple[VideoFile, ...]
    partial: bool

    @classmethod
    def of(cls, result: bytes | None, *, partial: bool) -> "StoredFrames":
        """Reads the frames of a result or of a partial result; without one (None) there are none."""
        files = () if result is None else result_from(result, VideoFile).outputs
        return cls(tuple(file for file in files if file.role == "FRAMES"), partial)

    @property
    def count(self) -> int:
        """How many frames are stored."""
        return sum(part.frame_count for part in self.parts)

    def part_with(self, index: int) -> VideoFile:
        """Returns the file that contains frame `index`.

        Raises:
            NotFoundError: FRAME_NOT_FOUND, it is not stored.
        """
        for part in self.parts:
            if part.first_frame <= index < part.first_frame + part.frame_count:
                return part
        so_far = " so far" if self.partial else ""
        text = f"the video has {self.count} frame(s){so_far}, counted from 0"
        raise NotFoundError("FRAME_NOT_FOUND", text, metadata={"index": str(index)})
