"""Nodes that put pictures and masks together."""

from __future__ import annotations

import pytest
import torch
from tests.unit.nodes.pictures import gradient

from atelier_nodes.builtin.image_composition import (
    CropMask,
    ImageCompositeMasked,
    ImageFlip,
    ImageRotate,
    JoinImageWithAlpha,
    MaskComposite,
    SplitImageWithAlpha,
)
from atelier_nodes.builtin.preview_any import PreviewAny

BLACK = torch.zeros(2, 6, 8, 3)
WHITE = torch.ones(1, 4, 4, 3)


def test_a_picture_is_laid_over_every_picture_of_a_batch_and_cut_at_the_edge() -> None:
    (composed,) = ImageCompositeMasked().composite(BLACK, WHITE, 6, 4, False)
    assert composed[..., 0].sum(dim=(1, 2)).tolist() == [4, 4]
    assert torch.all(composed[:, 4:, 6:] == 1)
    assert not BLACK.any()
    outside = ImageCompositeMasked().composite(BLACK, WHITE, 100, 100, False)[0]
    assert not outside.any()


def test_a_mask_mixes_and_the_source_may_fill_the_picture() -> None:
    (composed,) = ImageCompositeMasked().composite(BLACK, WHITE, 0, 0, True, torch.full((1, 3, 3), 0.25))
    assert torch.allclose(composed, torch.full_like(BLACK, 0.25))


def test_pictures_are_mirrored_and_turned_clockwise() -> None:
    picture = gradient()
    assert torch.equal(ImageFlip().flip(picture, "y-axis: horizontally")[0], picture.flip(2))
    assert torch.equal(ImageFlip().flip(picture, "x-axis: vertically")[0], picture.flip(1))
    (turned,) = ImageRotate().rotate(picture, "90 degrees")
    assert turned.shape == (1, 8, 6, 3)
    assert torch.equal(turned[0, 0, -1], picture[0, 0, 0])
    assert torch.equal(ImageRotate().rotate(picture, "none")[0], picture)


def test_alpha_is_joined_and_split_again() -> None:
    mask = torch.zeros(1, 6, 8)
    mask[0, :, 4:] = 1
    (joined,) = JoinImageWithAlpha().join(gradient(), mask)
    assert joined[0, 0, 0, 3] == 1
    assert joined[0, 0, 7, 3] == 0
    image, alpha = SplitImageWithAlpha().split(joined)
    assert torch.equal(image, gradient())
    assert torch.equal(alpha, mask)
    assert not SplitImageWithAlpha().split(gradient())[1].any()


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("multiply", [0, 0, 0, 1]),
        ("add", [0, 1, 1, 1]),
        ("subtract", [0, 0, 1, 0]),
        ("and", [0, 0, 0, 1]),
        ("or", [0, 1, 1, 1]),
        ("xor", [0, 1, 1, 0]),
    ],
)
def test_masks_are_combined(operation: str, expected: list[int]) -> None:
    below, above = torch.tensor([[[0.0, 0.0, 1.0, 1.0]]]), torch.tensor([[[0.0, 1.0, 0.0, 1.0]]])
    assert MaskComposite().combine(below, above, 0, 0, operation)[0].flatten().tolist() == expected


def test_a_mask_is_cropped() -> None:
    (cropped,) = CropMask().crop(gradient()[..., 0], 2, 1, 4, 100)
    assert torch.equal(cropped, gradient()[:, 1:, 2:6, 0])


@pytest.mark.parametrize(("value", "shown"), [("a", "a"), (1.5, "1.5"), (None, "None"), ([1, "b"], '[1, "b"]')])
def test_any_value_is_shown_as_text(value: object, shown: str) -> None:
    assert PreviewAny().main(value) == {"ui": {"text": (shown,)}, "result": (shown,)}


def test_what_is_no_json_is_shown_too() -> None:
    assert PreviewAny().main({1, 2})["result"] == ("{1, 2}",)
