"""From bytes to what they are: type, size in pixels, and proof that the file is whole.

Nothing here decodes a pixel: headers and block structure are read with a few lines per format, checksums verified where
the format has them. A codec is the largest attack surface for hostile files, and no pixels are needed here; those who
decode later do so within the limits that were checked here.
"""

from collections.abc import Callable
from typing import BinaryIO

from atelier_storage.domain.formats import gif, jpeg, mp4, png, webm, webp
from atelier_storage.domain.limits import CorruptError, Extent, Limits, not_a_picture
from atelier_storage.domain.sniff import ContentType, sniff

_HEADS: dict[ContentType, Callable[[bytes], Extent | None]] = {
    ContentType.PNG: png.head_extent,
    ContentType.GIF: gif.head_extent,
    ContentType.WEBP: webp.head_extent,
}
_EXTENTS: dict[ContentType, Callable[[BinaryIO, int], Extent]] = {
    ContentType.PNG: png.extent,
    ContentType.JPEG: jpeg.extent,
    ContentType.GIF: gif.extent,
    ContentType.WEBP: webp.extent,
    ContentType.MP4: mp4.extent,
    ContentType.WEBM: webm.extent,
}


def check_head(head: bytes, limits: Limits) -> ContentType:
    """The type of a file that begins with `head` (HEAD_BYTES of it, or all).

    Raises InvalidArgumentError at once for what is no picture, and for one whose header already says too many pixels.
    """
    content_type = sniff(head)
    if content_type is None:
        raise not_a_picture("it is of no known type")
    read = _HEADS.get(content_type)
    found = read(head) if read else None
    if found is not None:
        limits.check_extent(found)
    return content_type


def measure(file: BinaryIO, size_bytes: int, content_type: ContentType, limits: Limits) -> Extent:
    """The extent of a whole file; blocks on reading, so call it in a thread.

    Raises InvalidArgumentError when the file is broken off, damaged, or holds more pixels than `limits` allow.
    """
    try:
        found = _EXTENTS[content_type](file, size_bytes)
    except CorruptError as error:
        raise not_a_picture(f"it is damaged: {error}") from error
    limits.check_extent(found)
    return found
