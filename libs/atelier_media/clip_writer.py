"""The clip writer: encodes frames into a file one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av
from av.codec.codec import UnknownCodecError

from atelier_media.clip_format import ClipFormat
from atelier_media.errors import ClipWriteError
from atelier_media.frame import Frame, Frames, each_frame
from atelier_media.gif_stream import GifStream
from atelier_media.video_stream import VideoStream


class _Stream(Protocol):
    def encode(self, frame: Frame, index: int) -> None: ...

    def finish(self, frame_count: int) -> None: ...

    def close(self) -> None: ...


class ClipWriter:
    """Writes one clip to `path`; equal frames and an equal format return equal bytes.

        with ClipWriter(path, ClipFormat("MP4", 256, 256, Fraction(8), parameters)) as writer:
            for chunk in decoded:
                writer.write(chunk)

    The clip is at `path`, complete, when the block has ended without an exception. Until then it is written to
    `<name>.partial` beside it, which is removed when the block raises; a process that is killed leaves it behind. The
    encoder holds at most nine frames, whatever the clip's length. Blocking and not thread-safe: one thread at a time,
    never the event loop.
    """

    def __init__(self, path: Path, clip_format: ClipFormat) -> None:
        """Opens the encoder.

        Raises:
            ClipWriteError: CODEC_UNAVAILABLE or ENCODING_FAILED.
        """
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._format = clip_format
        self._frame_count = 0
        self._closed = False
        with self._encoding():
            stream = GifStream if clip_format.container == "GIF" else VideoStream
            self._stream: _Stream = stream(self._partial, clip_format)

    @property
    def frame_count(self) -> int:
        """Frames written so far."""
        return self._frame_count

    def write(self, frames: Frames) -> None:
        """Appends frames; they are not modified, and no reference to them is held.

        Args:
            frames: One frame (height, width, 3), or a chunk (n, height, width, 3); uint8, sRGB.

        Raises:
            MediaError: INVALID_FRAME, before any frame of the chunk is written.
            ClipWriteError: ENCODING_FAILED; afterwards only `abort` may be called.
        """
        self._require_open()
        for frame in each_frame(frames, self._format.size_px):
            with self._encoding():
                self._stream.encode(frame, self._frame_count)
            self._frame_count += 1

    def finish(self) -> None:
        """Completes the clip and moves it to `path`, replacing a file there.

        Raises:
            ClipWriteError: NO_FRAMES or ENCODING_FAILED; no file is left then.
        """
        self._require_open()
        try:
            if not self._frame_count:
                raise ClipWriteError("NO_FRAMES", "a clip has at least one frame")
            with self._encoding():
                self._stream.finish(self._frame_count)
                os.replace(self._partial, self._path)
        except BaseException:
            self.abort()
            raise
        self._closed = True

    def abort(self) -> None:
        """Removes the unfinished file. Idempotent; has no effect after `finish`."""
        if self._closed:
            return
        self._closed = True
        try:
            # Closing may write the end of the file, which is about to be removed, to a full disk.
            with suppress(av.FFmpegError):
                self._stream.close()
        finally:
            self._partial.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abort()
        elif not self._closed:
            self.finish()

    def _require_open(self) -> None:
        if self._closed:
            raise ValueError("the clip is finished or aborted")

    @contextmanager
    def _encoding(self) -> Iterator[None]:
        try:
            yield
        except UnknownCodecError as error:
            message = f"this FFmpeg cannot write {self._format.container}"
            raise ClipWriteError("CODEC_UNAVAILABLE", message) from error
        except (av.FFmpegError, OSError) as error:
            # Not the error's own text: it names the file.
            message = getattr(error, "strerror", None) or type(error).__name__
            raise ClipWriteError("ENCODING_FAILED", message) from error
