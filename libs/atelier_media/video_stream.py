"""The video encoders: frames into MP4 (H.264) or WebM (VP9)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
from av.video.stream import VideoStream as AvVideoStream

from atelier_media.clip_format import ClipFormat, Container, parameters_text
from atelier_media.colour import ColourConverter, tag_bt709
from atelier_media.frame import Frame

# Decoding any frame takes at most this many frames. Longer groups make smaller files and slower access.
KEYFRAME_INTERVAL = 16


@dataclass(frozen=True, slots=True)
class _Encoding:
    muxer: str
    muxer_options: dict[str, str]
    encoder: str
    encoder_options: dict[str, str]


# `bitexact`: no random ids, no versions. One thread: the number of threads changes the bytes.
# No frame is decoded before one that is shown earlier (bf, auto-alt-ref), and few wait in the encoder (the lookaheads).
_ENCODINGS: dict[Container, _Encoding] = {
    "MP4": _Encoding(
        muxer="mp4",
        muxer_options={"movflags": "+faststart", "fflags": "+bitexact"},
        encoder="libx264",
        encoder_options={
            "preset": "fast",
            "crf": "18",
            "bf": "0",
            "rc-lookahead": "8",
            "x264-params": "cpu-independent=1",
        },
    ),
    "WEBM": _Encoding(
        muxer="webm",
        muxer_options={"cues_to_front": "1", "fflags": "+bitexact"},
        encoder="libvpx-vp9",
        encoder_options={
            "deadline": "good",
            "cpu-used": "4",
            "crf": "24",
            "b": "0",
            "auto-alt-ref": "0",
            "lag-in-frames": "0",
            "row-mt": "0",
        },
    ),
}


class VideoStream:
    """An encoder and its muxer. Methods raise `av.FFmpegError`. Not thread-safe."""

    def __init__(self, path: Path, clip_format: ClipFormat) -> None:
        encoding = _ENCODINGS[clip_format.container]
        self._frame_time_s = 1 / clip_format.frame_rate_hz
        self._colours = ColourConverter()
        self._container = av.open(str(path), "w", format=encoding.muxer, options=encoding.muxer_options)
        if text := parameters_text(clip_format.parameters):
            self._container.metadata["comment"] = text
        stream = self._container.add_stream(
            encoding.encoder,
            clip_format.frame_rate_hz,
            encoding.encoder_options,
            width=clip_format.width_px,
            height=clip_format.height_px,
            pix_fmt="yuv420p",
            time_base=self._frame_time_s,
        )
        self._stream = cast(AvVideoStream, stream)
        codec = self._stream.codec_context
        codec.thread_count = 1
        codec.gop_size = KEYFRAME_INTERVAL
        tag_bt709(codec)

    def encode(self, frame: Frame, index: int) -> None:
        """Encodes frame `index` of the clip: (height, width, 3), uint8, sRGB."""
        self._container.mux(self._stream.encode(self._colours.to_yuv(frame, index, self._frame_time_s)))

    def finish(self, frame_count: int) -> None:  # noqa: ARG002 - a GIF needs it
        """Writes the frames that the encoder holds, and the index."""
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def close(self) -> None:
        """Closes the file; it is incomplete unless `finish` was called before."""
        self._container.close()
