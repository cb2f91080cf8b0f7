"""An opened video stream of a file: the facts in its header, and its frames from any index on, by FFmpeg."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import BinaryIO

import av
from av.container import InputContainer

from atelier_media.clip_format import Container
from atelier_media.clip_limits import ClipLimits
from atelier_media.colour import ColourConverter
from atelier_media.errors import ClipReadError
from atelier_media.frame import Frame

_DEMUXERS: dict[Container, str] = {"MP4": "mov", "WEBM": "matroska", "GIF": "gif"}
# No other decoder may run, whatever the file announces.
_DECODERS: dict[Container, str] = {"MP4": "h264", "WEBM": "vp9", "GIF": "gif"}
_MAX_DENOMINATOR = 1001


class OpenedClip:
    """The first video stream of a file. Every method raises `ClipReadError` CLIP_DAMAGED. Not thread-safe."""

    def __init__(self, file: BinaryIO, container: Container, limits: ClipLimits) -> None:
        """Opens the stream; decodes nothing larger than `limits`.

        Raises:
            ClipReadError: NOT_A_CLIP or CLIP_TOO_LARGE.
        """
        self._limits = limits
        self._colours = ColourConverter()
        guard = {"codec_whitelist": _DECODERS[container], "max_pixels": str(limits.frame_px)}
        file.seek(0)
        with _failing_as("NOT_A_CLIP"):
            self._av: InputContainer = av.open(
                file, "r", format=_DEMUXERS[container], options=guard, metadata_errors="replace"
            )
        try:
            if not self._av.streams.video:
                raise ClipReadError("NOT_A_CLIP", f"{container} without a video stream")
            self._stream = self._av.streams.video[0]
            codec = self._stream.codec_context
            if codec is None or codec.name != _DECODERS[container]:
                raise ClipReadError("NOT_A_CLIP", f"{container} without {_DECODERS[container]} video")
            self.width_px, self.height_px = codec.width, codec.height
            if not (self.width_px and self.height_px):
                # FFmpeg reports no size for a WebM that is over `max_pixels`.
                raise ClipReadError("CLIP_TOO_LARGE", f"no size, or over {limits.frame_px} px")
            limits.require_size(self.width_px, self.height_px)
            if not self._stream.time_base:
                raise ClipReadError("NOT_A_CLIP", f"{container} whose video has no time")
            codec.options = {"max_pixels": guard["max_pixels"]}
            codec.thread_count = 1
        except BaseException:
            self._av.close()
            raise

    @property
    def comment(self) -> str | None:
        """The comment in the file's metadata."""
        found = {name.lower(): value for name, value in self._av.metadata.items()}
        return found.get("comment")

    def frame_rate_hz(self) -> Fraction:
        """The average frame rate, with a denominator of at most 1001.

        Raises:
            ClipReadError: NOT_A_CLIP, there is none.
        """
        rate = Fraction(self._stream.average_rate or self._stream.guessed_rate or 0).limit_denominator(_MAX_DENOMINATOR)
        if rate <= 0:
            raise ClipReadError("NOT_A_CLIP", "video without a frame rate")
        return rate

    def frame_count(self, frame_rate_hz: Fraction) -> int:
        """Frames of the stream, from the header; for WebM, whose header has no such number, from the time of the last
        frame, which reads the last group of frames.

        Raises:
            ClipReadError: CLIP_TOO_LARGE.
        """
        if self._stream.frames:
            return self._stream.frames
        duration_s = Fraction(self._av.duration or 0, av.time_base)
        self._require_count(math.floor(duration_s * frame_rate_hz))
        with _failing_as("CLIP_DAMAGED"):
            self._av.seek(self._av.duration or 0)
            last = seen = 0
            for packet in self._av.demux(self._stream):
                if packet.pts is not None:
                    last = max(last, self._index(packet.pts, frame_rate_hz))
                    seen += 1
                    self._require_count(seen)
        if not seen:
            raise ClipReadError("CLIP_DAMAGED", "the last frames are missing")
        return last + 1

    def frames_from(self, start: int, frame_rate_hz: Fraction) -> Iterator[tuple[int, Frame]]:
        """Frames with their indices from `start` on, decoded from the keyframe before it."""
        assert self._stream.time_base is not None
        with _failing_as("CLIP_DAMAGED"):
            begin = self._start + round(start / frame_rate_hz / self._stream.time_base)
            self._av.seek(begin, stream=self._stream)
            for decoded in self._av.decode(self._stream):
                if decoded.pts is not None and (index := self._index(decoded.pts, frame_rate_hz)) >= start:
                    yield index, self._pixels(decoded)

    def frames_in_order(self, start: int) -> Iterator[tuple[int, Frame]]:
        """Frames with their indices from `start` on, of a clip that was just opened and knows no keyframes."""
        with _failing_as("CLIP_DAMAGED"):
            for index, decoded in enumerate(self._av.decode(self._stream)):
                if index >= start:
                    yield index, self._pixels(decoded)

    def close(self) -> None:
        """Releases FFmpeg's resources; the file stays open."""
        self._av.close()

    def _pixels(self, decoded: av.VideoFrame) -> Frame:
        if (decoded.width, decoded.height) != (self.width_px, self.height_px):
            raise ClipReadError("CLIP_DAMAGED", "the size changes within the clip")
        return self._colours.to_rgb(decoded)

    @property
    def _start(self) -> int:
        return self._stream.start_time or 0

    def _index(self, pts: int, frame_rate_hz: Fraction) -> int:
        assert self._stream.time_base is not None
        return round((pts - self._start) * self._stream.time_base * frame_rate_hz)

    def _require_count(self, frame_count: int) -> None:
        self._limits.require_count(self.width_px, self.height_px, frame_count)


@contextmanager
def _failing_as(reason: str) -> Iterator[None]:
    """Converts FFmpeg's errors, and times out of range, to `ClipReadError`; those of the file object pass."""
    try:
        yield
    except (av.FFmpegError, OverflowError) as error:
        message = getattr(error, "strerror", None) or type(error).__name__
        raise ClipReadError(reason, message) from error
