"""The clip reader: facts of a stored clip, any frame of it, and all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from atelier_media import gif_outline
from atelier_media.clip_format import Container, read_parameters_text
from atelier_media.clip_limits import ClipLimits
from atelier_media.errors import ClipReadError
from atelier_media.frame import Frame
from atelier_media.opened_clip import OpenedClip

_HEAD_BYTES = 64
_EBML = b"\x1a\x45\xdf\xa3"
_MAX_DENOMINATOR = 1001


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """Facts of a clip.

    Attributes:
        frame_rate_hz: Of a GIF, as it is played, in whole hundredths of a second; of the others, as it was written.
        parameters: Those of `ClipFormat`; None when the file carries none.
    """

    container: Container
    width_px: int
    height_px: int
    frame_count: int
    frame_rate_hz: Fraction
    parameters: dict[str, Any] | None

    @property
    def duration_s(self) -> float:
        """Duration in seconds."""
        return float(self.frame_count / self.frame_rate_hz)

    def frame_time_s(self, index: int) -> float:
        """When frame `index` appears, in seconds from the beginning."""
        return float(index / self.frame_rate_hz)


def sniff_container(head: bytes) -> Container | None:
    """The container that the first 64 bytes of a file announce; None for any other file."""
    if head[:6] in gif_outline.SIGNATURES:
        return "GIF"
    if head[4:8] == b"ftyp":
        return "MP4"
    if head.startswith(_EBML) and b"webm" in head:
        return "WEBM"
    return None


class ClipReader:
    """Reads a clip of constant frame rate: MP4 with H.264, WebM with VP9, or GIF.

    Of MP4 and WebM it reads the header, and then the groups of frames that are requested: a `source` that fetches
    ranges fetches little. Blocking; one thread at a time.
    """

    def __init__(self, source: Path | BinaryIO, limits: ClipLimits | None = None) -> None:
        """Opens a clip and reads its facts.

        Args:
            source: A path, or a file object: that stays open, must not be used otherwise meanwhile, and what it
                raises is passed on.
            limits: The largest clip to open.

        Raises:
            ClipReadError: NOT_A_CLIP, CLIP_TOO_LARGE or CLIP_DAMAGED.
            OSError: The path cannot be opened.
        """
        self._limits = limits or ClipLimits()
        self._turn = 0
        with ExitStack() as stack:
            self._file = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
            self._file.seek(0)
            container = sniff_container(self._file.read(_HEAD_BYTES))
            if container is None:
                raise ClipReadError("NOT_A_CLIP", "neither MP4 nor WebM nor GIF")
            if container == "GIF":
                self.info = self._inspect_gif()
                self._opened = None
            else:
                self._opened = OpenedClip(self._file, container, self._limits)
                stack.callback(self._opened.close)
                self.info = self._inspect_video(self._opened, container)
            self._resources = stack.pop_all()

    def frame(self, index: int) -> Frame:
        """Decodes frame `index`, from 0: from the keyframe before it, or in a GIF from the first frame.

        Returns:
            (height, width, 3), uint8, sRGB.

        Raises:
            ClipReadError: FRAME_NOT_FOUND or CLIP_DAMAGED.
        """
        if not 0 <= index < self.info.frame_count:
            raise ClipReadError("FRAME_NOT_FOUND", f"there are {self.info.frame_count} frames, counted from 0")
        return next(self.frames(index))

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Iterates over the frames from `start` to the last one, decoding each when it is requested.

        Yields:
            (height, width, 3), uint8, sRGB.

        Raises:
            ClipReadError: CLIP_DAMAGED, a frame that `info` counts is missing.
            RuntimeError: Another method of the reader was called meanwhile.
        """
        self._turn += 1
        return self._iterate(start, self._turn)

    def close(self) -> None:
        """Closes the file if it was given as a path."""
        self._turn += 1
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _iterate(self, start: int, turn: int) -> Iterator[Frame]:
        wanted = start
        for index, frame in self._decode(start):
            if index != wanted:
                break
            yield frame
            if turn != self._turn:
                raise RuntimeError("another method of the reader was called meanwhile")
            wanted += 1
            if wanted == self.info.frame_count:
                return
        raise ClipReadError("CLIP_DAMAGED", f"frame {wanted} of {self.info.frame_count} is missing")

    def _decode(self, start: int) -> Iterator[tuple[int, Frame]]:
        if self._opened is not None:
            yield from self._opened.frames_from(start, self.info.frame_rate_hz)
            return
        with closing(OpenedClip(self._file, "GIF", self._limits)) as opened:
            yield from opened.frames_in_order(start)

    def _inspect_gif(self) -> ClipInfo:
        outline = gif_outline.read_gif_outline(self._file, self._limits.frame_count)
        self._limits.require_size(outline.width_px, outline.height_px)
        self._limits.require_count(outline.width_px, outline.height_px, outline.frame_count)
        rate = Fraction(outline.frame_count * 100, outline.duration_cs).limit_denominator(_MAX_DENOMINATOR)
        parameters = read_parameters_text(outline.comment)
        return ClipInfo("GIF", outline.width_px, outline.height_px, outline.frame_count, rate, parameters)

    def _inspect_video(self, opened: OpenedClip, container: Container) -> ClipInfo:
        rate = opened.frame_rate_hz()
        frame_count = opened.frame_count(rate)
        self._limits.require_count(opened.width_px, opened.height_px, frame_count)
        parameters = read_parameters_text(opened.comment)
        return ClipInfo(container, opened.width_px, opened.height_px, frame_count, rate, parameters)
