"""The demo model's VAE: an encoder whose weights are set in closed form, and a decoder that learns to sharpen.

    python -m tools.demo_image.autoencoder --out /var/tmp/demo/vae --seconds 600

A 256 x 256 px picture in [-1, 1] becomes a (12, 16, 16) latent: an 8-fold area mean to 32 x 32, of which 2 x 2 pixels
are moved into channels (`latents_of`). Nothing about that has to be learnt, so training a UNet needs no encoder pass,
and `pixel_shuffle(latent, 2)` of a predicted latent is a free preview. The network shape is diffusers' AutoencoderKL,
so that every diffusers pipeline reads it; the tricks below only choose weights for it.
"""

import argparse
import logging
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor
from torch.nn import functional

from tools.demo_image import world

log = logging.getLogger("autoencoder")

CHANNELS = (16, 16, 32, 64, 64)
_GROUPS = 4
_LOUD = 100.0  # constants this large make a group norm's variance independent of the picture
_LEARNING_RATE = 8e-4


def latents_of(pictures: Tensor) -> Tensor:
    """(B, 3, H, W) pictures in [-1, 1] as (B, 12, H / 16, W / 16) latents; channel = rgb * 4 + dy * 2 + dx."""
    return functional.pixel_unshuffle(functional.avg_pool2d(pictures, 8), 2)


def build_autoencoder() -> AutoencoderKL:
    """An autoencoder whose encoder equals `latents_of` (error 3e-5) and whose decoder interpolates linearly."""
    autoencoder: AutoencoderKL = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=12,
        block_out_channels=CHANNELS,
        layers_per_block=1,
        norm_num_groups=_GROUPS,
        down_block_types=("DownEncoderBlock2D",) * len(CHANNELS),
        up_block_types=("UpDecoderBlock2D",) * len(CHANNELS),
        mid_block_add_attention=False,
        use_quant_conv=False,
        use_post_quant_conv=False,
        sample_size=256,
        scaling_factor=1.0,
        force_upcast=False,
    )
    with torch.no_grad():
        _set_encoder(autoencoder)
        _set_decoder(autoencoder)
    return autoencoder


def _set_encoder(autoencoder: AutoencoderKL) -> None:
    """Write `latents_of` in convolution weights.

    Zeroed residual blocks pass their input on. Three stride-2 convolutions average 2 x 2 pixels each; the fourth
    moves 2 x 2 pixels into channels, each beside its negative and among large constants, so that the group norm
    before the output sees mean 0 and a known variance. silu(v) - silu(-v) = v then undoes the last nonlinearity.
    """
    encoder: Any = autoencoder.encoder
    for weight in encoder.parameters():
        weight.zero_()
    for color in range(3):
        encoder.conv_in.weight[color, color, 1, 1] = 1
    for level, block in enumerate(encoder.down_blocks):
        for resnet in block.resnets:
            if resnet.conv_shortcut is not None:
                for channel in range(min(resnet.conv_shortcut.weight.shape[:2])):
                    resnet.conv_shortcut.weight[channel, channel, 0, 0] = 1
        if block.downsamplers is None:
            continue
        convolution = block.downsamplers[0].conv
        if level < 3:
            for color in range(3):
                convolution.weight[color, color, :2, :2] = 0.25
        else:
            _move_space_to_channels(convolution)
    encoder.conv_norm_out.weight.fill_(_LOUD * (10 / 16) ** 0.5)
    for latent in range(12):
        channel = latent // 3 * 16 + latent % 3 * 2
        encoder.conv_out.weight[latent, channel, 1, 1] = 1
        encoder.conv_out.weight[latent, channel + 1, 1, 1] = -1
    encoder.conv_out.bias[12:] = -30  # the log variance: a sample of the posterior is its mean


def _move_space_to_channels(convolution: torch.nn.Conv2d) -> None:
    """Each of four norm groups of 16 channels: three latents with their negatives, and ten constants."""
    assert convolution.bias is not None
    for latent in range(12):
        group, place = latent // 3, latent % 3
        color, dy, dx = latent // 4, latent % 4 // 2, latent % 2
        convolution.weight[group * 16 + 2 * place, color, dy, dx] = 1
        convolution.weight[group * 16 + 2 * place + 1, color, dy, dx] = -1
    for group in range(4):
        for constant in range(10):
            convolution.bias[group * 16 + 6 + constant] = _LOUD if constant % 2 == 0 else -_LOUD


def _set_decoder(autoencoder: AutoencoderKL, loud: float = 10.0) -> None:
    """Let the decoder begin as depth-to-space and linear interpolation; its other channels start at random."""
    decoder: Any = autoencoder.decoder
    for resnet in [*decoder.mid_block.resnets, *(r for block in decoder.up_blocks for r in block.resnets)]:
        resnet.conv2.weight.zero_()
        resnet.conv2.bias.zero_()
        if resnet.conv_shortcut is not None:
            resnet.conv_shortcut.weight[:3] = 0
            resnet.conv_shortcut.bias[:3] = 0
            for color in range(3):
                resnet.conv_shortcut.weight[color, color, 0, 0] = 1
    decoder.conv_in.weight[:12] = 0
    decoder.conv_in.bias[:12] = 0
    for latent in range(12):
        decoder.conv_in.weight[latent, latent, 1, 1] = 1
    first, second, third, fourth = (block.upsamplers[0].conv for block in decoder.up_blocks[:4])
    taps = torch.tensor([[-0.5, 0.5, 0.5], [0.5, 0.5, -0.5]])  # depth-to-space on a grid that nearest doubled
    first.weight[:3] = 0
    first.bias[:3] = 0
    for latent in range(12):
        color, dy, dx = latent // 4, latent % 4 // 2, latent % 2
        first.weight[color, latent] = torch.outer(taps[dy], taps[dx])
    smooth = torch.outer(torch.tensor([0.25, 0.5, 0.25]), torch.tensor([0.25, 0.5, 0.25]))
    for convolution in (second, third):
        convolution.weight[:3] = 0
        convolution.bias[:3] = 0
        for color in range(3):
            convolution.weight[color, color] = smooth
    fourth.weight[:12] = 0
    fourth.bias[:12] = 0
    norms = [decoder.conv_norm_out, *(resnet.norm1 for resnet in decoder.up_blocks[4].resnets)]
    decoder.conv_out.weight[:, :12] = 0
    decoder.conv_out.weight[:, 12:] *= 0.05
    decoder.conv_out.bias.zero_()
    for color in range(3):
        fourth.weight[4 * color, color] = smooth
        fourth.weight[4 * color + 1, color] = -smooth
        fourth.bias[4 * color + 2] = loud
        fourth.bias[4 * color + 3] = -loud
        for norm in norms:
            norm.weight[4 * color : 4 * color + 2] = loud / 2**0.5
            norm.weight[4 * color + 2 : 4 * color + 4] = 0.1
        decoder.conv_out.weight[color, 4 * color, 1, 1] = 1
        decoder.conv_out.weight[color, 4 * color + 1, 1, 1] = -1


def draw_pictures(count: int, seed: int) -> Tensor:
    """Anti-aliased pictures of the world that are not held out: (count, 3, 256, 256) bytes."""
    rng = random.Random(seed)
    shapes = [spec for spec in world.all_shape_specs() if not world.is_held_out(spec)]
    scenes = [spec for spec in world.all_scene_specs() if not world.is_held_out(spec)]
    pictures = []
    for _ in range(count):
        spec = rng.choice(scenes) if rng.random() < 0.3 else rng.choice(shapes)
        pictures.append(world.shrink(world.draw(spec, rng, 3), 3))
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def augmented(pictures: Tensor, crop_px: int) -> Tensor:
    """Crops in [-1, 1], their colours swapped or inverted at random, so that an edge is learnt in all colours."""
    y, x = (int(torch.randint(0, pictures.shape[-1] - crop_px + 1, ())) // 16 * 16 for _ in range(2))
    crops = pictures[..., y : y + crop_px, x : x + crop_px].float().div(127.5).sub(1)
    crops = crops[:, torch.randperm(3)]
    if torch.rand(()) < 0.2:
        crops = -crops
    return crops.flip(3) if torch.rand(()) < 0.5 else crops


def train_decoder(autoencoder: AutoencoderKL, pictures: Tensor, seconds: float) -> int:
    """Train the decoder on L1 of pixels and of their differences until `seconds` are used up; answers the steps.

    Latents get a little noise, so that the decoder also mends what a UNet leaves unfinished.
    """
    network: Any = autoencoder
    network.to(memory_format=torch.channels_last)
    weights = list(autoencoder.decoder.parameters())
    average = [weight.detach().clone() for weight in weights]
    optimizer = torch.optim.AdamW(weights, lr=_LEARNING_RATE, betas=(0.9, 0.99), weight_decay=0, fused=True)
    started = time.monotonic()
    steps = 0
    while (progress := (time.monotonic() - started) / seconds) < 1:
        batch, crop_px = (1, 256) if steps % 6 == 5 else (4, 128)
        wanted = augmented(pictures[torch.randint(0, len(pictures), (batch,))], crop_px)
        latents = latents_of(wanted)
        latents = latents + torch.randn_like(latents) * torch.rand(batch, 1, 1, 1) * 0.08
        error = autoencoder.decode(latents.to(memory_format=torch.channels_last)).sample - wanted
        slopes = error.diff(dim=3).abs().mean() + error.diff(dim=2).abs().mean()
        (error.abs().mean() + 0.5 * slopes).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        fall = 1.0 if progress < 0.3 else max(0.02, (1 - progress) / 0.7)
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * fall * min(1.0, (steps + 1) / 50)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        steps += 1
        torch._foreach_lerp_(average, [w.detach() for w in weights], 1 - min(0.995, (1 + steps) / (10 + steps)))
        if steps % 50 == 0:
            log.info("%d steps, %.0f s, L1 %.4f", steps, time.monotonic() - started, error.detach().abs().mean())
    with torch.no_grad():
        torch._foreach_copy_(list[Tensor](weights), average)
    return steps


def fidelity_db(autoencoder: AutoencoderKL, pictures: Tensor) -> tuple[float, float]:
    """The mean peak signal-to-noise ratio of decoded latents, and of bicubic enlargement for comparison."""
    wanted = pictures.float().div(127.5).sub(1)
    with torch.no_grad():
        decoded = autoencoder.decode(latents_of(wanted)).sample.clamp(-1, 1)
    enlarged = functional.interpolate(functional.avg_pool2d(wanted, 8), scale_factor=8, mode="bicubic").clamp(-1, 1)
    return _psnr_db(decoded, wanted), _psnr_db(enlarged, wanted)


def _psnr_db(a: Tensor, b: Tensor) -> float:
    return float(-10 * torch.log10(((a - b) / 2).square().mean((1, 2, 3))).mean())


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--init", type=Path, help="VAE folder to go on from")
    parser.add_argument("--seconds", type=float, required=True, help="wall-clock budget")
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--seed", type=int, default=77)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    autoencoder = build_autoencoder()
    if arguments.init is not None:
        autoencoder = AutoencoderKL.from_pretrained(arguments.init, dtype=torch.float32)
    judged = draw_pictures(16, arguments.seed + 1)
    log.info("before: %.1f dB, bicubic %.1f dB", *fidelity_db(autoencoder, judged))
    steps = train_decoder(autoencoder, draw_pictures(arguments.pictures, arguments.seed), arguments.seconds)
    log.info("after %d steps: %.1f dB, bicubic %.1f dB", steps, *fidelity_db(autoencoder, judged))
    autoencoder.save_pretrained(arguments.out)


if __name__ == "__main__":
    main()
