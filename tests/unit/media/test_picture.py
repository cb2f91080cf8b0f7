"""Pictures that somebody sent: upright, opaque, sRGB."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from atelier_media.errors import PictureReadError
from atelier_media.picture import fitted, read_picture

RED, GREEN, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (255, 255, 255), (0, 0, 0)


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def colour_of(data: bytes) -> tuple[int, ...]:
    """Of a picture that has but one."""
    picture = read_picture(data)
    assert (picture.dtype.name, picture.shape[2]) == ("uint8", 3)
    (colour,) = np.unique(picture.reshape(-1, 3), axis=0)
    return tuple(int(value) for value in colour)


def srgb_with_red_and_green_exchanged() -> bytes:
    """A profile whose red is sRGB's green: a wide gamut for poor people."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


def near(colour: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return max(abs(a - b) for a, b in zip(colour, wanted, strict=True)) <= 2


@pytest.mark.parametrize(("alpha", "seen"), [(0, WHITE), (64, (255, 191, 191)), (255, RED)])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_is_transparent_lies_on_white(kind: str, alpha: int, seen: tuple[int, ...]) -> None:
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    assert near(colour_of(saved(Image.new("RGBA", (4, 4), (*RED, alpha)), kind, **options)), seen)


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "LA", "1"])
def test_every_way_to_be_transparent_is_understood(mode: str) -> None:
    """What lies beneath is black: without the opacity it would be seen."""
    image = Image.new(mode, (4, 4), 0 if mode != "LA" else (0, 0))
    transparency = BLACK if mode == "RGB" else 0
    options: dict[str, Any] = {} if mode == "LA" else {"transparency": transparency}
    assert colour_of(saved(image, **options)) == WHITE


def test_colours_are_converted_from_the_pictures_own_profile() -> None:
    for kind in ("PNG", "WEBP"):
        data = saved(Image.new("RGB", (4, 4), RED), kind, icc_profile=srgb_with_red_and_green_exchanged())
        assert near(colour_of(data), GREEN)
    assert near(colour_of(saved(Image.new("RGB", (8, 8), RED), "JPEG", quality=100)), RED)


def test_transparency_and_a_profile_go_together() -> None:
    image = Image.new("RGBA", (4, 4), (*RED, 64))
    assert near(colour_of(saved(image, icc_profile=srgb_with_red_and_green_exchanged())), (191, 255, 191))
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([*RED])
    assert near(colour_of(saved(palette, icc_profile=srgb_with_red_and_green_exchanged())), GREEN)


@pytest.mark.parametrize("profile", [b"no profile", srgb_with_red_and_green_exchanged()[:200]])
def test_a_profile_without_effect_is_left_out(profile: bytes) -> None:
    assert colour_of(saved(Image.new("RGB", (4, 4), RED), icc_profile=profile)) == RED


def test_a_profile_of_other_colours_than_the_pictures_is_left_out() -> None:
    assert colour_of(saved(Image.new("L", (4, 4), 200), icc_profile=srgb_with_red_and_green_exchanged())) == (200,) * 3


def test_grey_of_sixteen_bits_and_ink_are_understood() -> None:
    grey = Image.fromarray(np.full((4, 4), 257 * 100, np.uint16))
    assert near(colour_of(saved(grey)), (100, 100, 100))
    assert near(colour_of(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100)), RED)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_picture(saved(Image.new("RGB", (2, 4)), exif=exif))
    assert picture.shape == ((4, 2, 3) if orientation < 5 else (2, 4, 3))


@pytest.mark.parametrize("data", [b"", b"no picture", saved(Image.new("RGB", (64, 64), RED))[:60]])
def test_what_cannot_be_decoded_is_damaged(data: bytes) -> None:
    with pytest.raises(PictureReadError) as refused:
        read_picture(data)
    assert refused.value.reason == "PICTURE_DAMAGED"


def test_a_picture_that_would_fill_the_memory_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(PictureReadError) as refused:
        read_picture(saved(Image.new("1", (16_384, 4_097))))
    assert refused.value.reason == "PICTURE_TOO_LARGE"


def test_fitting_cuts_around_the_middle() -> None:
    picture = np.zeros((20, 60, 3), np.uint8)
    picture[:, 20:40] = 255
    assert fitted(picture, 8, 8).shape == (8, 8, 3)
    assert fitted(picture, 8, 8).min() > 230
    assert fitted(picture, 60, 20).max() == 255
