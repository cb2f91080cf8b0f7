"""The demo video model's training starts from the image model, and can be stopped and continued."""

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel  # noqa: E402
from tools.demo_image.autoencoder import latents_of  # noqa: E402
from tools.demo_video import train, world  # noqa: E402
from tools.demo_video.dataset import Dataset  # noqa: E402
from tools.demo_video.world import ClipSpec  # noqa: E402

IMAGE_MODEL = Path(__file__).parents[2] / "models" / "demo-image"
SPECS = [ClipSpec("ball", "red", "right", "white"), ClipSpec("ball", "red", "left", "white")]
OPTIONS = train.Options(
    steps=2, batch=2, learning_rate=1e-3, hold=0.5, ema_decay=0.9, path_weight=2.0, edge_weight=1.0, probe_weight=0.3,
    noise_power=0.5, bf16=False, seed=1,
)  # fmt: skip


def new_run(out: Path) -> train.Run:
    return train.Run(OPTIONS, out, IMAGE_MODEL, Dataset(1, SPECS, masks_each=1))


def test_a_run_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    first = new_run(tmp_path)
    assert not first.resume()
    first.step()
    first.save()
    second = new_run(tmp_path)
    assert second.resume()
    assert second.samples == first.samples == 2
    train.train(second)
    assert second.progress == 1
    assert (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").exists()


def test_the_untrained_network_treats_each_frame_alone() -> None:
    network: Any = train.build_unet()
    picture_network: Any = UNet2DConditionModel.from_pretrained(IMAGE_MODEL / "unet", dtype=torch.float32)
    train.inherit(network, picture_network)
    latents = torch.randn(1, 12, 3, 8, 8)
    changed = latents.clone()
    changed[:, :, 2] = 0
    words = torch.randn(1, 32, 128)
    with torch.no_grad():
        before, after = (network.eval()(sample, 500, words).sample for sample in (latents, changed))
    assert torch.allclose(before[:, :, :2], after[:, :, :2], atol=1e-4)
    assert not torch.allclose(before[:, :, 2], after[:, :, 2], atol=1e-2)


def test_latents_of_thumbs_are_the_autoencoders() -> None:
    batch = Dataset(1, SPECS, masks_each=1).batch(1)
    thumbs = torch.from_numpy(batch.thumbs)
    frame = torch.nn.functional.interpolate(thumbs[0, 5:6], scale_factor=8)
    assert frame.shape[-1] == world.CANVAS_PX
    assert torch.allclose(train.latents_of_thumbs(thumbs)[:, :, 5], latents_of(frame), atol=1e-5)


def test_only_cells_that_the_shape_crosses_are_marked() -> None:
    batch = Dataset(1, SPECS, masks_each=1).batch(4)
    crossed = train.crossed_cells(train.latents_of_thumbs(torch.from_numpy(batch.thumbs)))
    assert crossed.shape == (4, 1, 1, 8, 8)
    assert (crossed[..., 3:5, 1:7] == 1).all()
    assert (crossed[..., 0, :] == 0).all()
    assert (crossed[..., 7, :] == 0).all()


def test_edges_are_marked_frame_by_frame() -> None:
    batch = Dataset(1, SPECS[:1], masks_each=1).batch(1)
    edges = train.shape_edges(train.latents_of_thumbs(torch.from_numpy(batch.thumbs)))
    assert edges.shape == (1, 1, 16, 8, 8)
    assert edges[0, 0, 0, 3:5, :4].any()
    assert not edges[0, 0, 0, :, 5:].any()
    assert edges[0, 0, -1, 3:5, 4:].any()
