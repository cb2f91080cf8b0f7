"""The GIF encoder: frames into an animation that repeats for ever."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av

from atelier_media.clip_format import ClipFormat, parameters_text
from atelier_media.frame import Frame
from atelier_media.gif_outline import complete_gif
from atelier_media.palette import PaletteMapper

_CENTISECOND_S = Fraction(1, 100)


class GifStream:
    """An encoder and its muxer. Methods raise `av.FFmpegError` and OSError. Not thread-safe.

    Each frame begins at the hundredth of a second nearest to its time, so that rounding does not add up.
    """

    def __init__(self, path: Path, clip_format: ClipFormat) -> None:
        self._path = path
        self._frame_rate_hz = clip_format.frame_rate_hz
        self._comment = parameters_text(clip_format.parameters)
        self._palettes = PaletteMapper()
        self._container = av.open(str(path), "w", format="gif", options={"fflags": "+bitexact"})
        self._stream = self._container.add_stream(
            "gif",
            clip_format.frame_rate_hz,
            width=clip_format.width_px,
            height=clip_format.height_px,
            pix_fmt="pal8",
            time_base=_CENTISECOND_S,
        )
        self._stream.codec_context.thread_count = 1

    def encode(self, frame: Frame, index: int) -> None:
        """Encodes frame `index` of the clip: (height, width, 3), uint8, sRGB."""
        coloured = av.VideoFrame.from_ndarray(self._palettes.map(frame), format="pal8")  # type: ignore[arg-type]
        coloured.pts = self._begin_cs(index)
        coloured.time_base = _CENTISECOND_S
        self._container.mux(self._stream.encode(coloured))

    def finish(self, frame_count: int) -> None:
        """Writes the end of the file: the delay of the last frame, which the muxer cannot know, and the parameters."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        with self._path.open("r+b") as file:
            complete_gif(file, self._begin_cs(frame_count) - self._begin_cs(frame_count - 1), self._comment)

    def close(self) -> None:
        """Closes the file; it is incomplete unless `finish` was called before."""
        self._container.close()

    def _begin_cs(self, index: int) -> int:
        return math.floor(index * 100 / self._frame_rate_hz + Fraction(1, 2))
