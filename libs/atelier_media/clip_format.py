"""Clip formats: container, size, frame rate and parameters of a clip, and what each container can hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, get_args

from atelier_media.errors import ClipWriteError, MediaError
from atelier_media.frame_rate import exact_frame_rate

Container = Literal["MP4", "WEBM", "GIF"]
CONTAINERS: tuple[Container, ...] = get_args(Container)
CONTENT_TYPES: dict[Container, str] = {"MP4": "video/mp4", "WEBM": "video/webm", "GIF": "image/gif"}
FILE_EXTENSIONS: dict[Container, str] = {"MP4": "mp4", "WEBM": "webm", "GIF": "gif"}

# H.264 with 4:2:0 stores one colour for two by two pixels, and its encoders take even sizes only.
SIZE_STEPS_PX: dict[Container, int] = {"MP4": 2, "WEBM": 1, "GIF": 1}
# What x264 takes; the others take more.
MAX_SIDE_PX = 16384
# A GIF counts in hundredths of a second, and browsers play anything faster than two of them as ten.
MAX_GIF_FRAME_RATE_HZ = Fraction(50)


@dataclass(frozen=True, slots=True)
class ClipFormat:
    """The format of a clip to be written.

    Attributes:
        width_px: Width in pixels.
        height_px: Height in pixels.
        frame_rate_hz: Frames a second; converted by `exact_frame_rate`.
        parameters: JSON values that the file carries: the comment of an MP4, a COMMENT tag in WebM, a comment
            extension in a GIF.

    Raises:
        ClipWriteError: INVALID_SIZE, the container cannot hold it.
        MediaError: INVALID_FRAME_RATE.
    """

    container: Container
    width_px: int
    height_px: int
    frame_rate_hz: Fraction
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame_rate_hz", exact_frame_rate(self.frame_rate_hz))
        if self.container == "GIF" and self.frame_rate_hz > MAX_GIF_FRAME_RATE_HZ:
            raise MediaError("INVALID_FRAME_RATE", f"a GIF plays at most {MAX_GIF_FRAME_RATE_HZ} frames a second")
        size = f"{self.width_px}×{self.height_px} px"
        if not (1 <= self.width_px <= MAX_SIDE_PX and 1 <= self.height_px <= MAX_SIDE_PX):
            raise ClipWriteError("INVALID_SIZE", f"{size}: a side has 1 to {MAX_SIDE_PX} px")
        step_px = SIZE_STEPS_PX[self.container]
        if self.width_px % step_px or self.height_px % step_px:
            raise ClipWriteError("INVALID_SIZE", f"{size}: {self.container} needs multiples of {step_px} px")

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.width_px, self.height_px


def parameters_text(parameters: Mapping[str, Any]) -> str:
    """The parameters as JSON text, equal for equal parameters; empty when there are none."""
    if not parameters:
        return ""
    return json.dumps(dict(parameters), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def read_parameters_text(text: str | None) -> dict[str, Any] | None:
    """Reads what `parameters_text` returned; None for any other text, and for none."""
    try:
        value = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
