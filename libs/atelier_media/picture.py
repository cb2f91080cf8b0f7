"""Uploaded pictures as pixels that a model takes: upright, opaque, sRGB."""

from __future__ import annotations

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from atelier_media.errors import PictureReadError
from atelier_media.frame import Frame

_FORMATS = ("PNG", "JPEG", "WEBP")
_MAX_PIXELS = 64 * 2**20  # storage's limit of an upload

_GREY_MODES = frozenset({"1", "L", "LA", "I;16"})
_SRGB = ImageCms.createProfile("sRGB")

_ORIENTATION = 0x0112  # of EXIF; 1 is upright
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_picture(data: bytes) -> Frame:
    """Decodes a picture. Blocking.

    Args:
        data: A PNG, JPEG or WebP file; of an animation the first picture is read.

    Returns:
        The picture, turned upright as its EXIF says, its colours converted to sRGB from the profile that it carries
        (without one it is taken for sRGB), what is transparent composited on white.

    Raises:
        PictureReadError: PICTURE_DAMAGED when it cannot be decoded, PICTURE_TOO_LARGE over 64 Mi pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise PictureReadError("PICTURE_TOO_LARGE", f"{image.width} × {image.height} pixels are too many")
            colour, alpha = _split(_upright(image))
            return np.array(_on_white(_to_srgb(colour, image.info.get("icc_profile")), alpha))
    except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError) as error:
        raise PictureReadError("PICTURE_DAMAGED", "the picture cannot be decoded") from error


def fitted(picture: Frame, width_px: int, height_px: int) -> Frame:
    """Crops a picture (height, width, 3) around its centre to that aspect ratio and scales it to that size."""
    return np.array(ImageOps.fit(Image.fromarray(picture), (width_px, height_px), Image.Resampling.LANCZOS))


def shades(picture: Frame) -> NDArray[np.uint8]:
    """Returns the grey of a picture (height, width, 3): (height, width), uint8, 255 for white."""
    return np.array(Image.fromarray(picture).convert("L"))


def _upright(image: Image.Image) -> Image.Image:
    """Not by ImageOps.exif_transpose: that writes the EXIF anew, and fails where a camera put a text for a number."""
    turn = _TO_UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    return image if turn is None else image.transpose(turn)


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The colours in a mode that a profile may be of (grey, RGB, CMYK), and the opacity where there is one."""
    if image.mode == "I;16":  # 16 bits of grey, which Pillow would cut off at 255
        image = image.point(lambda shade: shade * (1 / 257)).convert("L")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        colour = rgba.getchannel("R") if image.mode in _GREY_MODES else rgba.convert("RGB")
        return colour, rgba.getchannel("A")
    if image.mode in ("L", "RGB", "CMYK"):
        return image, None
    return image.convert("L" if image.mode in _GREY_MODES else "RGB"), None


def _to_srgb(colour: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile:
        return colour.convert("RGB")
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            colour,
            own,
            _SRGB,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError):
        return colour.convert("RGB")  # a broken profile, or one of another colour model, is ignored
    assert converted is not None  # it is None only for a conversion in place
    return converted


def _on_white(colour: Image.Image, alpha: Image.Image | None) -> Image.Image:
    if alpha is None:
        return colour
    white = Image.new("RGB", colour.size, "white")
    white.paste(colour, mask=alpha)
    return white
