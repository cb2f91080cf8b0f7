"""Sizes and structure of files, read without decoding them."""

import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_service.errors import InvalidArgumentError
from atelier_storage.domain.limits import Extent, Limits
from atelier_storage.domain.probe import check_head, measure
from atelier_storage.domain.sniff import HEAD_BYTES, ContentType, sniff
from tests.unit.storage import pictures

LIMITS = Limits(max_upload_bytes=10**8, max_pixels=64 * 2**20)

GOOD = {
    "png": (pictures.png(31, 17), ContentType.PNG, Extent(31, 17)),
    "animated png": (pictures.apng(31, 17, 3), ContentType.PNG, Extent(31, 17, 3)),
    "jpeg": (pictures.jpeg(31, 17), ContentType.JPEG, Extent(31, 17)),
    "progressive jpeg": (pictures.jpeg(310, 170, progressive=True), ContentType.JPEG, Extent(310, 170)),
    "gif": (pictures.gif(31, 17), ContentType.GIF, Extent(31, 17)),
    "animated gif": (pictures.gif(31, 17, frames=4), ContentType.GIF, Extent(31, 17, 4)),
    "webp": (pictures.webp(31, 17), ContentType.WEBP, Extent(31, 17)),
    "lossless webp": (pictures.webp(31, 17, lossless=True), ContentType.WEBP, Extent(31, 17)),
    "animated webp": (pictures.webp(31, 17, frames=5), ContentType.WEBP, Extent(31, 17, 5)),
    "mp4": (pictures.mp4(320, 200), ContentType.MP4, Extent(320, 200)),
    "webm": (pictures.webm(320, 200), ContentType.WEBM, Extent(320, 200)),
    "latent": (pictures.latent(64, 48), ContentType.LATENT, Extent(64, 48)),
}


def probe(data: bytes, limits: Limits = LIMITS) -> tuple[ContentType, Extent]:
    content_type = check_head(data[:HEAD_BYTES], limits)
    return content_type, measure(io.BytesIO(data), len(data), content_type, limits)


@pytest.mark.parametrize("name", GOOD)
def test_a_complete_file_has_its_type_size_and_frames(name: str) -> None:
    data, content_type, extent = GOOD[name]
    assert probe(data) == (content_type, extent)


@pytest.mark.parametrize("name", pictures.no_pictures())
def test_what_is_no_picture_or_damaged_is_refused_by_name_of_the_field(name: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        probe(pictures.no_pictures()[name])
    assert [f.field for f in caught.value.fields] == ["file"]
    assert caught.value.reason in ("NOT_A_PICTURE", "TOO_MANY_PIXELS")


@pytest.mark.parametrize("name", GOOD)
def test_no_part_of_a_file_passes_for_the_whole_or_ends_in_another_error(name: str) -> None:
    data = GOOD[name][0]
    for length in range(len(data)):
        with pytest.raises(InvalidArgumentError):
            probe(data[:length])


@given(data=st.data(), name=st.sampled_from(sorted(GOOD)))
def test_damage_anywhere_is_either_unseen_or_refused_but_never_an_accident(data: st.DataObject, name: str) -> None:
    damaged = bytearray(GOOD[name][0])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(InvalidArgumentError):
        probe(bytes(damaged))


@given(st.binary(max_size=200))
def test_bytes_without_a_magic_number_are_of_no_type(data: bytes) -> None:
    assert sniff(b"\x80\x04\x95" + data) is None  # as pickles begin


def test_a_png_bomb_is_refused_by_its_first_bytes() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        check_head(pictures.bomb_png()[:HEAD_BYTES], LIMITS)
    assert caught.value.reason == "TOO_MANY_PIXELS"


def test_a_gif_bomb_of_small_frames_that_add_up_is_refused() -> None:
    bomb = pictures.bomb_gif()
    assert len(bomb) < 400_000
    with pytest.raises(InvalidArgumentError) as caught:
        probe(bomb)
    assert caught.value.reason == "TOO_MANY_PIXELS"
    assert "4000 × 4000 pixels × 15 frames" in caught.value.message


def test_a_picture_of_just_as_many_pixels_as_allowed_passes() -> None:
    assert probe(pictures.png(10, 10), Limits(10**6, 100))[1].pixels == 100
    with pytest.raises(InvalidArgumentError):
        probe(pictures.png(10, 10), Limits(10**6, 99))


def test_bytes_behind_the_end_of_a_picture_do_no_harm() -> None:
    assert probe(pictures.jpeg() + b"some camera's own")[0] is ContentType.JPEG
