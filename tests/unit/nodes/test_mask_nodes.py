"""Mask nodes."""

from __future__ import annotations

import pytest
import torch
from tests.unit.nodes.pictures import gradient

from atelier_nodes.builtin.masks import (
    FeatherMask,
    GrowMask,
    ImageToMask,
    InvertMask,
    MaskToImage,
    SolidMask,
    ThresholdMask,
)


def point() -> torch.Tensor:
    mask = torch.zeros(1, 7, 9)
    mask[0, 3, 4] = 1
    return mask


def test_a_channel_becomes_a_mask_and_a_mask_a_grey_picture() -> None:
    (mask,) = ImageToMask().image_to_mask(gradient(), "green")
    assert torch.equal(mask, gradient()[..., 1])
    (picture,) = MaskToImage().mask_to_image(mask)
    assert picture.shape == (1, 6, 8, 3)
    assert torch.equal(picture[..., 2], mask)


def test_a_channel_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="no alpha channel"):
        ImageToMask().image_to_mask(gradient(), "alpha")


def test_a_mask_grows_to_a_diamond_or_a_square() -> None:
    assert GrowMask().expand_mask(point(), 2, True)[0].sum() == 13
    assert GrowMask().expand_mask(point(), 2, False)[0].sum() == 25


@pytest.mark.parametrize("tapered", [True, False])
def test_growing_farther_than_the_mask_covers_it_and_shrinking_leaves_nothing(tapered: bool) -> None:
    assert GrowMask().expand_mask(point(), 16384, tapered)[0].min() == 1
    assert GrowMask().expand_mask(point(), -1, tapered)[0].max() == 0


def test_shrinking_does_not_come_from_the_edge() -> None:
    full = torch.ones(1, 5, 5)
    assert torch.equal(GrowMask().expand_mask(full, -2, True)[0], full)


def test_feathering_fades_linearly() -> None:
    (mask,) = FeatherMask().feather(torch.ones(8, 8), 4, 0, 0, 2)
    assert mask[0, 0].tolist() == [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]
    assert mask[0, :, 7].tolist() == [1, 1, 1, 1, 1, 1, 1, 0.5]


def test_masks_are_made_inverted_and_cut_at_a_value() -> None:
    (mask,) = SolidMask().solid(0.25, 4, 3)
    assert mask.shape == (1, 3, 4)
    (inverted,) = InvertMask().invert(mask)
    assert inverted[0, 0, 0] == 0.75
    assert ThresholdMask().image_to_mask(inverted, 0.5)[0].min() == 1
