"""Sound files: samples as FLAC, MP3 or Opus."""

from collections.abc import Mapping
from typing import Any, BinaryIO, Literal, cast

import av
import numpy as np
from numpy.typing import NDArray

from atelier_media.errors import SoundWriteError

SoundFormat = Literal["flac", "mp3", "opus"]

_CODECS: Mapping[str, tuple[str, str]] = {
    "flac": ("flac", "flac"),
    "mp3": ("mp3", "libmp3lame"),
    "opus": ("ogg", "libopus"),
}
_LAYOUTS = {1: "mono", 2: "stereo"}
_OPUS_HZ = 48_000


def write_sound(
    file: BinaryIO,
    samples: NDArray[np.float32],
    rate_hz: int,
    format: SoundFormat,  # noqa: A002 - the word for it
    *,
    bit_rate: int | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes a sound.

    Args:
        file: Where to; it can seek.
        samples: (channels, samples), from -1 to 1; one or two channels.
        rate_hz: Samples a second.
        format: Of the file.
        bit_rate: In bits a second; the encoder's own if omitted.
        metadata: Texts by keyword.

    Raises:
        SoundWriteError: It cannot be encoded.
    """
    layout = _LAYOUTS.get(samples.shape[0])
    if layout is None or format not in _CODECS:
        raise SoundWriteError("INVALID_SOUND", f"{samples.shape[0]} channels cannot be written as {format}")
    container_name, codec = _CODECS[format]
    try:
        with av.open(file, "w", format=container_name) as container:
            container.metadata.update(metadata or {})
            stream: Any = container.add_stream(
                cast(Any, codec), rate=_OPUS_HZ if format == "opus" else rate_hz, layout=layout
            )
            if bit_rate is not None and format != "flac":
                stream.bit_rate = bit_rate
            interleaved = np.ascontiguousarray(samples.astype(np.float32).T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
            frame.sample_rate = rate_hz
            frame.pts = 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except (av.FFmpegError, ValueError) as error:
        raise SoundWriteError("ENCODING_FAILED", f"the sound cannot be encoded: {error}") from error
