"""Intake: receives the bytes of an upload, and refuses it as early as possible."""

from collections.abc import AsyncIterator
from functools import partial

from atelier_storage.domain.limits import Extent, Limits, empty_file
from atelier_storage.domain.ports import Spooled
from atelier_storage.domain.probe import check_head, measure
from atelier_storage.domain.sniff import HEAD_BYTES, ContentType


async def receive(chunks: AsyncIterator[bytes], spooled: Spooled, limits: Limits) -> tuple[ContentType, Extent]:
    """Spools an upload.

    Args:
        chunks: The bytes, in order.
        spooled: The temporary file to which they are appended.
        limits: The limits of the upload.

    Returns:
        The content type, and the size in pixels.

    Raises:
        InvalidArgumentError: The file is empty, or not a picture or video; the latter as soon as HEAD_BYTES are there.
        ResourceExhaustedError: The file is too large; raised at the first chunk beyond the limit.
    """
    head, content_type = b"", None
    async for chunk in chunks:
        limits.check_bytes(spooled.size_bytes + len(chunk))
        if content_type is None:
            head += chunk[: HEAD_BYTES - len(head)]
            if len(head) == HEAD_BYTES:
                content_type = check_head(head, limits)
        await spooled.append(chunk)
    if not spooled.size_bytes:
        raise empty_file()
    content_type = content_type or check_head(head, limits)
    look = partial(measure, size_bytes=spooled.size_bytes, content_type=content_type, limits=limits)
    return content_type, await spooled.inspect(look)
