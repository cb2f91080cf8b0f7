"""Limits of an upload, and the errors of one that exceeds them."""

from dataclasses import dataclass

from atelier_service.errors import FieldViolation, InvalidArgumentError, ResourceExhaustedError


class CorruptError(Exception):
    """The file is damaged: its content does not match its type. The text describes the damage for the caller."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The size of a picture or video in pixels.

    `frames` is the number of frames of an animation, since a reader may decode all of them at once; 1 for a video,
    whose readers decode a few at a time.
    """

    width_px: int
    height_px: int
    frames: int = 1

    @property
    def pixels(self) -> int:
        """Pixels in all: width × height × frames."""
        return self.width_px * self.height_px * self.frames


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one upload: bytes of the file, and pixels to decode."""

    max_upload_bytes: int
    max_pixels: int
    # Whether `max_pixels` applies to all frames of an animation together, or to one frame.
    count_frames: bool = True

    def check_bytes(self, count: int) -> None:
        """Raises ResourceExhaustedError when `count` bytes are too many."""
        if count > self.max_upload_bytes:
            raise ResourceExhaustedError(
                "UPLOAD_TOO_LARGE",
                f"a file may have at most {self.max_upload_bytes} bytes",
                metadata={"max_upload_bytes": str(self.max_upload_bytes)},
                http_status=413,
            )

    def check_extent(self, extent: Extent) -> None:
        """Raises InvalidArgumentError when `extent` has no pixels, or more than `max_pixels`."""
        if extent.pixels <= 0:
            raise not_a_picture("it has no pixels")
        pixels = extent.pixels if self.count_frames else extent.width_px * extent.height_px
        if pixels > self.max_pixels:
            description = (
                f"{extent.width_px} × {extent.height_px} pixels × {extent.frames} frames are more than "
                f"{self.max_pixels} pixels in all"
            )
            raise InvalidArgumentError.of_field("file", description, reason="TOO_MANY_PIXELS")


def not_a_picture(why: str) -> InvalidArgumentError:
    """Returns the error of a file that is no picture, video or latent of a supported type; `why` is for the caller."""
    return InvalidArgumentError(
        "NOT_A_PICTURE",
        f"file: {why}",
        fields=(FieldViolation("file", f"{why}; PNG, JPEG, WebP, GIF, MP4, WebM and latents are taken"),),
    )


def empty_file() -> InvalidArgumentError:
    """Returns the error of an empty upload."""
    return InvalidArgumentError.of_field("file", "is empty", reason="EMPTY_FILE")
