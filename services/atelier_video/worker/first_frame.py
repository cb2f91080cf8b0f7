"""The picture that a clip begins with, as the engine takes it."""

from atelier_jobs.worker.attempt import JobFault
from atelier_media.errors import PictureReadError
from atelier_media.frame import Frame
from atelier_media.picture import fitted, read_picture


def read_first_frame(data: bytes, width_px: int, height_px: int) -> Frame:
    """The picture (see `read_picture`), cut to the clip's shape around its middle and scaled to its size. Blocking.

    Raises JobFault when it cannot be decoded: storage looks at headers only.
    """
    try:
        return fitted(read_picture(data), width_px, height_px)
    except PictureReadError as error:
        text = f"the first frame cannot be taken: {error.message}"
        raise JobFault("FIRST_FRAME_DAMAGED", text, retryable=False) from error
