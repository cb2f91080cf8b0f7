"""Content sniffing: a file's type by its first bytes; its name and its declared type are not trusted."""

from enum import StrEnum

from atelier_diffusion.encoding import latent_header

# The number of first bytes that determine a type: every magic number lies within them.
HEAD_BYTES = 4096

# Brands of ISO base media files (ISO/IEC 14496-12) that are MP4; HEIC, AVIF and QuickTime share the container.
_MP4_BRANDS = frozenset(
    b"isom iso2 iso3 iso4 iso5 iso6 iso7 iso8 iso9 mp41 mp42 mp71 avc1 hvc1 av01 dash MSNV M4VH M4VP".split()
) | {b"M4V ", b"f4v "}


class ContentType(StrEnum):
    """Media types of files that can be stored."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    WEBP = "image/webp"
    GIF = "image/gif"
    MP4 = "video/mp4"
    WEBM = "video/webm"
    LATENT = latent_header.CONTENT_TYPE

    @property
    def extension(self) -> str:
        """The usual file name extension, with its dot."""
        return _EXTENSIONS.get(self) or f".{self.value.split('/')[1]}"


_EXTENSIONS = {ContentType.JPEG: ".jpg", ContentType.LATENT: f".{latent_header.SUFFIX}"}


def sniff(head: bytes) -> ContentType | None:
    """Returns the type of a file by its first HEAD_BYTES (or all of a shorter one); None for other types."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return ContentType.PNG
    if head.startswith(b"\xff\xd8\xff"):
        return ContentType.JPEG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return ContentType.GIF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ContentType.WEBP
    if head[4:8] == b"ftyp" and _is_mp4(head):
        return ContentType.MP4
    # DocType (EBML id 0x4282) distinguishes WebM from other Matroska files.
    if head.startswith(b"\x1aE\xdf\xa3") and b"\x42\x82\x84webm" in head[:64]:
        return ContentType.WEBM
    return ContentType.LATENT if latent_header.may_be_latent(head) else None


def _is_mp4(head: bytes) -> bool:
    size = int.from_bytes(head[:4], "big")
    box = head[8 : min(max(size, 16), 256)]
    if box[:4] in (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"qt  "):
        return False
    return any(box[at : at + 4] in _MP4_BRANDS for at in range(0, len(box) - 3, 4) if at != 4)
