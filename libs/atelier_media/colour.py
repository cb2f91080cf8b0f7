"""sRGB pixels to the YUV of video and back, by BT.709 with limited range: what players assume and the tags say."""

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
# Those that the scaler knows, in the same table; and 0, which is RGB, for GIF.
_KNOWN_MATRICES = frozenset({0, MATRIX_BT709, 4, 5, 6, 7, 9})

# FULL_CHR_H_INP: without it every second column of pixels has no say in the colour.
_EXACT = (
    Interpolation.BICUBIC
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
)


def tag_bt709(codec: CodecContext) -> None:
    """Says in the stream what `ColourConverter` does to the pixels."""
    assert isinstance(codec, VideoCodecContext)
    codec.color_primaries = ColorPrimaries.BT709
    codec.color_trc = ColorTrc.BT709
    codec.colorspace = MATRIX_BT709
    codec.color_range = ColorRange.MPEG


class ColourConverter:
    """Keeps the tables of one size. Not thread-safe."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def to_yuv(self, frame: Frame, index: int, frame_time_s: Fraction) -> VideoFrame:
        """A yuv420p frame that is shown at `index` × `frame_time_s`, for one `frame_time_s`."""
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
        """The pixels of a decoded frame; YUV that does not say which it is counts as BT.709, as ours. Raises av's."""
        if frame.colorspace not in _KNOWN_MATRICES:
            frame.colorspace = MATRIX_BT709
        rgb = self._reformatter.reformat(
            frame, format="rgb24", dst_color_range=ColorRange.JPEG, interpolation=_EXACT, threads=1
        )
        return np.ascontiguousarray(rgb.to_ndarray(), dtype=np.uint8)
