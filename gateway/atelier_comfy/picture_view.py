"""Picture views: a re-encoded picture, or some of its channels, as `GET /view` returns them."""

import io
from pathlib import Path

from PIL import Image, UnidentifiedImageError

_FORMATS = {"webp": "image/webp", "jpeg": "image/jpeg"}
_QUALITY = 90


class NotAPictureError(ValueError):
    """The file cannot be decoded as a picture."""


def preview_of(path: Path, wish: str) -> tuple[bytes, str]:
    """Re-encodes a picture.

    Args:
        path: A picture.
        wish: Format and quality, such as `webp;90` or `jpeg`; unknown formats mean WebP.

    Returns:
        The bytes and their content type.

    Raises:
        NotAPictureError: It cannot be decoded.
    """
    name, _, quality = wish.partition(";")
    kind = name if name in _FORMATS else "webp"
    with _opened(path) as picture:
        mode = "RGB" if kind == "jpeg" or "A" not in picture.getbands() else "RGBA"
        return _encoded(picture.convert(mode), kind, int(quality) if quality.isdigit() else _QUALITY), _FORMATS[kind]


def channel_of(path: Path, channel: str) -> tuple[bytes, str]:
    """Encodes some channels of a picture as PNG.

    Args:
        path: A picture.
        channel: `rgb` for the colours; `a` for a black picture with the same alpha channel, opaque if there is none.

    Returns:
        The bytes and their content type.

    Raises:
        NotAPictureError: It cannot be decoded.
    """
    with _opened(path) as picture:
        if channel == "rgb":
            # Colours under transparent pixels are data: convert("RGB") leaves them as they are.
            shown = picture.convert("RGBA").convert("RGB") if "A" in picture.getbands() else picture.convert("RGB")
        else:
            shown = Image.new("RGBA", picture.size)
            shown.putalpha(picture.convert("RGBA").getchannel("A"))
        return _encoded(shown, "png"), "image/png"


def masked(original: Path, mask: bytes) -> bytes:
    """PNG of `original` with the alpha channel of `mask`, at the original's size.

    Raises:
        NotAPictureError: One of the two cannot be decoded.
    """
    with _opened(original) as picture, _opened(io.BytesIO(mask)) as drawn:
        alpha = drawn.convert("RGBA").getchannel("A")
        whole = picture.convert("RGBA")
        if alpha.size != whole.size:
            alpha = alpha.resize(whole.size, Image.Resampling.BICUBIC)
        whole.putalpha(alpha)
        return _encoded(whole, "png")


def _opened(source: Path | io.BytesIO) -> Image.Image:
    try:
        picture = Image.open(source)
        picture.load()
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise NotAPictureError("this file is not a picture that can be read") from error
    return picture


def _encoded(picture: Image.Image, kind: str, quality: int = _QUALITY) -> bytes:
    file = io.BytesIO()
    if kind == "png":
        picture.save(file, "PNG", compress_level=1)
    else:
        picture.save(file, kind.upper(), quality=max(1, min(100, quality)))
    return file.getvalue()
