"""The errors of frames, clips and pictures. Reasons are stable, upper-case names; messages hold no path."""

from __future__ import annotations


class MediaError(Exception):
    """Frames or a clip are invalid.

    Reasons: INVALID_FRAME_RATE (none, not a number, out of range, or more than a container can play), INVALID_FRAME
    (not an H×W×3 uint8 array of the size announced), INVALID_FRAME_COUNT (less than one frame), FRAMES_MISSING (fewer
    frames were added than were announced), and those of the subclasses.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class ClipWriteError(MediaError):
    """A clip could not be written; no file is left.

    Reasons: INVALID_SIZE (no side, too long a side, or odd where the container needs even ones), NO_FRAMES,
    CODEC_UNAVAILABLE (the installed FFmpeg lacks the encoder), ENCODING_FAILED (the encoder or the disk refused).
    """


class SoundWriteError(MediaError):
    """A sound could not be written.

    Reasons: INVALID_SOUND (neither one nor two channels, or a format that is not written), ENCODING_FAILED (the encoder
    or the disk refused).
    """


class ClipReadError(MediaError):
    """A clip could not be read.

    Reasons: NOT_A_CLIP (no MP4, WebM or GIF, or without a frame), CLIP_TOO_LARGE (over a limit; checked before any
    frame is decoded), CLIP_DAMAGED (parts of the file are missing), FRAME_NOT_FOUND (an index past the end).
    """


class PictureReadError(MediaError):
    """A picture of a caller could not be read.

    Reasons: PICTURE_DAMAGED (it cannot be decoded), PICTURE_TOO_LARGE (over a limit; checked before it is decoded).
    The reader adds which picture of the request it was.
    """
