"""Probe: determines a file's type and its size in pixels, and checks that the file is complete.

No pixel is decoded: a few lines per format read headers and block structure, and verify checksums where the format has
them. A codec is the largest attack surface for hostile files, and no pixels are needed here; later decoders work within
the limits that were checked here.
"""

from collections.abc import Callable
from typing import BinaryIO

from atelier_storage.domain.formats import gif, jpeg, latent, mp4, png, webm, webp
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
    ContentType.LATENT: latent.extent,
}


def check_head(head: bytes, limits: Limits) -> ContentType:
    """Returns the type of a file by its first bytes.

    Args:
        head: The first HEAD_BYTES of the file, or all of a shorter one.
        limits: The limits of the upload.

    Raises:
        InvalidArgumentError: The type is unknown, or the header contains a size of too many pixels.
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
    """Measures a complete file. Blocks while it reads, so it must run in a thread.

    Args:
        file: The file.
        size_bytes: Its size.
        content_type: Its type, from `check_head`.
        limits: The limits of the upload.

    Returns:
        Its size in pixels.

    Raises:
        InvalidArgumentError: The file is truncated, damaged, or has too many pixels.
    """
    try:
        found = _EXTENTS[content_type](file, size_bytes)
    except CorruptError as error:
        raise not_a_picture(f"it is damaged: {error}") from error
    limits.check_extent(found)
    return found
