"""Completeness of a picture whose length is unknown, by the end marker or length of its format."""

_PNG_END = b"IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"


def is_whole(picture: bytes) -> bool:
    """Whether the bytes are a complete PNG, JPEG or WebP. True for other formats unless there are no bytes."""
    if picture.startswith(b"\x89PNG"):
        return picture.endswith(_PNG_END)
    if picture.startswith(b"\xff\xd8"):
        return picture.endswith(_JPEG_END)
    if picture.startswith(b"RIFF"):
        return len(picture) >= 8 + int.from_bytes(picture[4:8], "little")
    return bool(picture)
