"""The picture that a clip begins with, as the engine takes it."""

from atelier_jobs.worker.attempt import JobFault
from atelier_media.errors import PictureReadError
from atelier_media.frame import Frame
from atelier_media.picture import fitted, read_picture


def read_first_frame(data: bytes, width_px: int, height_px: int) -> Frame:
    """Decodes a picture, cropped around its middle and scaled to the size of the clip. Blocking.

    Args:
        data: The encoded picture; see `read_picture`.
        width_px: Width of the clip.
        height_px: Height of the clip.

    Raises:
        JobFault: It cannot be decoded (storage reads headers only).
    """
    try:
        return fitted(read_picture(data), width_px, height_px)
    except PictureReadError as error:
        text = f"the first frame cannot be taken: {error.message}"
        raise JobFault("FIRST_FRAME_DAMAGED", text, retryable=False) from error
