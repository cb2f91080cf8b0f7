"""Whether a picture of unknown length is complete: its own format says so."""

_PNG_END = b"IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"


def is_whole(picture: bytes) -> bool:
    """False for nothing, and for a PNG, JPEG or WebP that was cut; True for what this client does not know."""
    if picture.startswith(b"\x89PNG"):
        return picture.endswith(_PNG_END)
    if picture.startswith(b"\xff\xd8"):
        return picture.endswith(_JPEG_END)
    if picture.startswith(b"RIFF"):
        return len(picture) >= 8 + int.from_bytes(picture[4:8], "little")
    return bool(picture)
