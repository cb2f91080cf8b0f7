"""The colours of a GIF."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_media.frame import Frame
from atelier_media.palette import PALETTE_COLOURS, TRANSPARENT_INDEX, PaletteMapper


def frame_of(colours: int, seed: int) -> Frame:
    """64×64 px of that many colours, one of them black."""
    random = np.random.default_rng(seed)
    palette = random.integers(0, 256, (colours, 3), np.uint8)
    palette[0] = 0
    places = np.concatenate([np.arange(colours), random.integers(0, colours, 64 * 64 - colours)])
    frame: Frame = palette[places].reshape(64, 64, 3)
    return frame


@given(colours=st.integers(1, PALETTE_COLOURS), seed=st.integers(0, 1000))
def test_a_frame_of_few_colours_keeps_them_and_none_is_transparent(colours: int, seed: int) -> None:
    frame = frame_of(colours, seed)
    indices, entries = PaletteMapper().map(frame)
    assert indices.max() < TRANSPARENT_INDEX
    assert np.abs(entries[indices][..., 1:].astype(int) - frame).max() <= 8
    assert (entries[:TRANSPARENT_INDEX, 0] == 255).all()


def test_a_palette_stays_while_it_serves() -> None:
    mapper = PaletteMapper()
    y, x = np.mgrid[0:64, 0:64]
    frame = np.stack([x * 4, y * 4, (x + y) * 2], axis=-1).astype(np.uint8)
    _, before = mapper.map(frame)
    _, after = mapper.map(np.roll(frame, 5, axis=1))
    assert after is before


@pytest.mark.parametrize("side_px", [3, 64])
def test_a_small_thing_of_a_new_colour_gets_a_new_palette(side_px: int) -> None:
    mapper = PaletteMapper()
    frame = np.repeat(np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))[..., np.newaxis], 3, axis=-1)
    mapper.map(frame)
    frame[:side_px, :side_px] = (255, 0, 0)
    indices, entries = mapper.map(frame)
    assert entries[indices[0, 0]].tolist() == [255, 255, 0, 0]
