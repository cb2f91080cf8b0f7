"""Colour conversion: sRGB to YUV and back, by BT.709 with limited range, as players assume and the stream is tagged."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av import VideoFrame
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter

from atelier_media.frame import Frame

# ITU-T H.273, table 4: matrix coefficients of BT.709.
MATRIX_BT709 = 1
# Those that the scaler supports, from the same table; and 0, which is RGB, for GIF.
_KNOWN_MATRICES = frozenset({0, MATRIX_BT709, 4, 5, 6, 7, 9})

# FULL_CHR_H_INP: without it every second column of pixels is ignored for the colour.
_EXACT = (
    Interpolation.BICUBIC
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
)


def tag_bt709(codec: CodecContext) -> None:
    """Tags a stream with the conversion that `ColourConverter` does."""
    assert isinstance(codec, VideoCodecContext)
    codec.color_primaries = ColorPrimaries.BT709
    codec.color_trc = ColorTrc.BT709
    codec.colorspace = MATRIX_BT709
    codec.color_range = ColorRange.MPEG


class ColourConverter:
    """Converts frames; holds the tables of one size. Not thread-safe."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def to_yuv(self, frame: Frame, index: int, frame_time_s: Fraction) -> VideoFrame:
        """Converts a frame (height, width, 3) to yuv420p, shown at `index` × `frame_time_s` for `frame_time_s`."""
        yuv = self._reformatter.reformat(
            VideoFrame.from_ndarray(frame, format="rgb24"),
            format="yuv420p",
            src_color_range=ColorRange.JPEG,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=_EXACT,
            threads=1,
        )
        yuv.color_primaries = ColorPrimaries.BT709
        yuv.color_trc = ColorTrc.BT709
        yuv.pts = index
        yuv.duration = 1
        yuv.time_base = frame_time_s
        return yuv

    def to_rgb(self, frame: VideoFrame) -> Frame:
        """Converts a decoded frame to (height, width, 3), uint8, sRGB; untagged YUV counts as BT.709.

        Raises:
            av.FFmpegError: The conversion failed.
        """
        if frame.colorspace not in _KNOWN_MATRICES:
            frame.colorspace = MATRIX_BT709
        rgb = self._reformatter.reformat(
            frame, format="rgb24", dst_color_range=ColorRange.JPEG, interpolation=_EXACT, threads=1
        )
        return np.ascontiguousarray(rgb.to_ndarray(), dtype=np.uint8)
