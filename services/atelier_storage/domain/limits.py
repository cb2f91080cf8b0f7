"""Limits of an upload, and the errors of one that exceeds them."""

from dataclasses import dataclass

from atelier_service.errors import FieldViolation, InvalidArgumentError, ResourceExhaustedError


class CorruptError(Exception):
    """The bytes are not what their first bytes promise; the text says how, for the uploader."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is to decode: of an animation every frame counts, since a reader may hold them all.

    A video counts one frame: its readers decode a few at a time.
    """

    width_px: int
    height_px: int
    frames: int = 1

    @property
    def pixels(self) -> int:
        """Width × height × frames."""
        return self.width_px * self.height_px * self.frames


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one upload."""

    max_upload_bytes: int
    max_pixels: int
    # Whether an animation counts with all its frames.
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
        """Raises InvalidArgumentError when there is nothing to see, or too much to decode."""
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
    """The one error for everything that is no known picture or video."""
    return InvalidArgumentError(
        "NOT_A_PICTURE",
        f"file: {why}",
        fields=(FieldViolation("file", f"{why}; PNG, JPEG, WebP, GIF, MP4 and WebM are taken"),),
    )


def empty_file() -> InvalidArgumentError:
    """The error of an empty upload."""
    return InvalidArgumentError.of_field("file", "is empty", reason="EMPTY_FILE")
