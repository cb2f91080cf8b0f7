"""Image nodes: sizes, cuts, batches and filters."""

from __future__ import annotations

import pytest
import torch
from tests.unit.nodes.pictures import gradient

from atelier_nodes.builtin.image_filters import (
    BLEND_MODES,
    EmptyImage,
    ImageBlend,
    ImageBlur,
    ImageInvert,
    ImageSharpen,
)
from atelier_nodes.builtin.image_transforms import (
    GetImageSize,
    ImageBatch,
    ImageCrop,
    ImageFromBatch,
    ImagePadForOutpaint,
    ImageScale,
    ImageScaleBy,
    ImageScaleToTotalPixels,
    RebatchImages,
    RepeatImageBatch,
)
from atelier_nodes.builtin.resampling import IMAGE_METHODS


@pytest.mark.parametrize("method", IMAGE_METHODS)
def test_scaling_keeps_the_picture_and_changes_its_size(method: str) -> None:
    (scaled,) = ImageScale().upscale(gradient(32, 16), method, 16, 8, "disabled")
    assert scaled.shape == (1, 8, 16, 3)
    assert scaled[0, 4, 0, 0] < 0.1
    assert scaled[0, 4, -1, 0] > 0.9


def test_a_side_of_zero_follows_from_the_other() -> None:
    picture = gradient(32, 16)
    assert ImageScale().upscale(picture, "bilinear", 0, 8, "disabled")[0].shape == (1, 8, 16, 3)
    assert ImageScale().upscale(picture, "bilinear", 64, 0, "disabled")[0].shape == (1, 32, 64, 3)
    assert ImageScale().upscale(picture, "bilinear", 0, 0, "disabled")[0] is picture


def test_a_centred_crop_keeps_proportions() -> None:
    (cropped,) = ImageScale().upscale(gradient(32, 16), "nearest-exact", 16, 16, "center")
    assert cropped.shape == (1, 16, 16, 3)
    assert torch.equal(cropped, gradient(32, 16)[:, :, 8:24])


def test_scaling_by_a_factor() -> None:
    assert ImageScaleBy().upscale(gradient(10, 6), "area", 1.5)[0].shape == (1, 9, 15, 3)


def test_scaling_to_a_number_of_pixels_keeps_proportions() -> None:
    (scaled,) = ImageScaleToTotalPixels().upscale(gradient(64, 16), "bilinear", 0.25)
    assert scaled.shape == (1, 256, 1024, 3)
    (stepped,) = ImageScaleToTotalPixels().upscale(gradient(64, 20), "bilinear", 0.25, 64)
    assert stepped.shape[1] % 64 == stepped.shape[2] % 64 == 0


def test_a_crop_over_the_edge_is_cut_there() -> None:
    picture = gradient(8, 6)
    assert torch.equal(ImageCrop().crop(picture, 4, 3, 2, 1)[0], picture[:, 1:4, 2:6])
    assert torch.equal(ImageCrop().crop(picture, 100, 100, 100, 4)[0], picture[:, 4:, 7:])


def test_padding_is_grey_and_masked_and_the_mask_fades_into_the_picture() -> None:
    padded, mask = ImagePadForOutpaint().expand_image(gradient(32, 32), 8, 0, 0, 0, 4)
    assert padded.shape == (1, 32, 40, 3)
    assert mask.shape == (1, 32, 40)
    assert torch.all(padded[:, :, :8] == 0.5)
    assert torch.equal(padded[:, :, 8:], gradient(32, 32))
    assert torch.all(mask[:, :, :8] == 1)
    assert mask[0, 16, 8:13].tolist() == [1.0, 0.5625, 0.25, 0.0625, 0.0]


def test_padding_without_room_to_fade_masks_the_border_alone() -> None:
    _, mask = ImagePadForOutpaint().expand_image(gradient(8, 8), 0, 8, 0, 0, 40)
    assert mask[0].sum() == 64


def test_a_batch_takes_the_size_of_its_first_picture_and_opaque_alpha() -> None:
    first = torch.cat([gradient(8, 6), torch.zeros(1, 6, 8, 1)], dim=-1)
    (batch,) = ImageBatch().batch(first, gradient(16, 16))
    assert batch.shape == (2, 6, 8, 4)
    assert torch.all(batch[1, ..., 3] == 1)


def test_pictures_are_taken_from_a_batch_and_beyond_its_end_the_last() -> None:
    batch = gradient(count=4)
    assert torch.equal(ImageFromBatch().frombatch(batch, 1, 2)[0], batch[1:3])
    assert torch.equal(ImageFromBatch().frombatch(batch, 9, 2)[0], batch[3:])


def test_lists_of_batches_are_batched_anew() -> None:
    (batches,) = RebatchImages().rebatch([gradient(count=3), gradient(count=2)], [2])
    assert [batch.shape[0] for batch in batches] == [2, 2, 1]


def test_a_batch_is_repeated_and_counted() -> None:
    (repeated,) = RepeatImageBatch().repeat(gradient(8, 6, 2), 3)
    assert GetImageSize().size(repeated) == (8, 6, 6)


def test_an_empty_image_has_its_colour() -> None:
    (picture,) = EmptyImage().generate(4, 3, 2, 0xFF8000)
    assert picture.shape == (2, 3, 4, 3)
    assert torch.allclose(picture[1, 2, 3], torch.tensor([1.0, 128 / 255, 0.0]))


def test_inverting_twice_is_nothing() -> None:
    (inverted,) = ImageInvert().invert(gradient())
    assert torch.allclose(ImageInvert().invert(inverted)[0], gradient())
    assert torch.allclose(inverted, 1 - gradient())


@pytest.mark.parametrize("mode", BLEND_MODES)
def test_a_blend_of_factor_zero_is_the_first_picture(mode: str) -> None:
    (blended,) = ImageBlend().blend_images(gradient(), EmptyImage().generate(4, 4)[0], 0.0, mode)
    assert torch.allclose(blended, gradient())


@pytest.mark.parametrize(
    ("mode", "value"),
    [
        ("normal", 0.8),
        ("multiply", 0.2),
        ("screen", 0.85),
        ("overlay", 0.4),
        ("soft_light", 0.25 + 0.6 * 0.25),
        ("difference", 0.0),
    ],
)
def test_a_blend_mode_follows_its_formula(mode: str, value: float) -> None:
    below, above = torch.full((1, 2, 2, 3), 0.25), torch.full((1, 2, 2, 3), 0.8)
    assert ImageBlend().blend_images(below, above, 1.0, mode)[0][0, 0, 0, 0] == pytest.approx(value)


def test_a_blur_spreads_a_point_and_keeps_its_sum() -> None:
    point = torch.zeros(1, 21, 21, 3)
    point[0, 10, 10] = 1
    (blurred,) = ImageBlur().blur(point, 3, 1.0)
    assert blurred.sum() == pytest.approx(3.0, abs=1e-4)
    assert blurred[0, 10, 10, 0] < 0.1
    assert blurred[0, 10, 14, 0] == 0


def test_a_blur_larger_than_the_picture_works() -> None:
    assert ImageBlur().blur(gradient(3, 2), 31, 1.0)[0].shape == (1, 2, 3, 3)


def test_sharpening_raises_an_edge_and_leaves_a_plain_area() -> None:
    edge = torch.full((1, 16, 16, 3), 0.25)
    edge[:, :, 8:] = 0.75
    (sharpened,) = ImageSharpen().sharpen(edge, 1, 1.0, 1.0)
    assert sharpened[0, 8, 7, 0] < 0.25 < 0.75 < sharpened[0, 8, 8, 0]
    assert sharpened[0, 8, 2, 0] == pytest.approx(0.25, abs=1e-5)
