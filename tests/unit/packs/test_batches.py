"""Batches in another size or number, as nodes of packs ask for them."""

import pytest
import torch

from comfy import utils


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos", "bislerp"])
def test_a_batch_is_resized_by_every_method(method: str) -> None:
    resized = utils.common_upscale(torch.full((2, 3, 8, 8), 0.5), 12, 16, method, "disabled")
    assert resized.shape == (2, 3, 16, 12)
    assert torch.allclose(resized, torch.full_like(resized, 0.5), atol=1 / 255)


def test_frames_of_a_clip_are_resized_each() -> None:
    clip = torch.arange(3.0).reshape(1, 1, 3, 1, 1).expand(1, 1, 3, 4, 4)
    resized = utils.common_upscale(clip, 8, 6, "bilinear", "disabled")
    assert resized.shape == (1, 1, 3, 6, 8)
    assert resized[0, 0, :, 0, 0].tolist() == [0, 1, 2]


def test_a_centre_crop_cuts_both_sides() -> None:
    stripes = torch.arange(8.0).reshape(1, 1, 1, 8).expand(1, 1, 4, 8)
    assert utils.common_upscale(stripes, 4, 4, "nearest-exact", "center")[0, 0, 0].tolist() == [2, 3, 4, 5]


def test_a_batch_is_repeated_or_cut() -> None:
    batch = torch.arange(3)
    assert utils.repeat_to_batch_size(batch, 5).tolist() == [0, 1, 2, 0, 1]
    assert utils.repeat_to_batch_size(batch, 2).tolist() == [0, 1]
    assert utils.resize_to_batch_size(torch.arange(5), 3).tolist() == [0, 2, 4]
    assert utils.resize_to_batch_size(torch.arange(2), 4).tolist() == [0, 0, 1, 1]


def test_a_mask_takes_the_shape_of_a_latent() -> None:
    assert utils.reshape_mask(torch.ones(16, 16), (2, 4, 8, 8)).shape == (2, 4, 8, 8)


def test_tiles_that_overlap_add_up_to_the_whole() -> None:
    picture = torch.rand(2, 3, 50, 70)
    calls: list[tuple[int, ...]] = []

    def twice(part: torch.Tensor) -> torch.Tensor:
        calls.append(tuple(part.shape))
        return part.repeat_interleave(2, 2).repeat_interleave(2, 3)

    tiled = utils.tiled_scale(picture, twice, tile_x=32, tile_y=16, overlap=4, upscale_amount=2)
    assert torch.allclose(tiled, twice(picture), atol=1e-5)
    assert len(calls) - 1 == 2 * utils.get_tiled_scale_steps(70, 50, 32, 16, 4)
    assert set(calls[:-1]) == {(1, 3, 16, 32)}


def test_tiles_may_shrink() -> None:
    picture = torch.rand(1, 2, 32, 32)

    def half(part: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(part, 2)

    tiled = utils.tiled_scale_multidim(picture, half, (16, 16), 4, 2, 2, downscale=True)
    assert torch.allclose(tiled, half(picture), atol=1e-5)
