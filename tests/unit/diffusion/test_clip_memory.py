"""How much memory a clip takes, told in advance."""

import time
from dataclasses import replace

import pytest

from atelier_diffusion.policy.clip_memory import GIB, ClipFacts, decoding_bytes, denoising_bytes
from atelier_diffusion.policy.errors import ModelLoadError
from atelier_diffusion.policy.request import VideoRequest

# As in the configurations of ModelScope's text-to-video model of 1.7 billion parameters.
UNET = {
    "block_out_channels": [320, 640, 1280, 1280],
    "layers_per_block": 2,
    "down_block_types": ["CrossAttnDownBlock3D"] * 3 + ["DownBlock3D"],
    "attention_head_dim": 64,
}
VAE = {"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, "latent_channels": 4}
FACTS = ClipFacts.read(UNET, VAE, "float32")
REQUEST = VideoRequest(
    prompt="",
    negative_prompt="",
    width_px=256,
    height_px=256,
    frames=16,
    steps=20,
    guidance_scale=9.0,
    seed=0,
    scheduler="DDIM",
)


def test_a_usual_clip_takes_what_such_models_are_known_to_take() -> None:
    assert 1 < denoising_bytes(FACTS, REQUEST) / GIB < 3
    assert 0.2 < decoding_bytes(FACTS, REQUEST, 1) / GIB < 1


def test_denoising_grows_with_frames_size_guidance_and_precision() -> None:
    usual = denoising_bytes(FACTS, REQUEST)
    assert denoising_bytes(FACTS, replace(REQUEST, frames=64)) == pytest.approx(4 * usual)
    assert denoising_bytes(FACTS, replace(REQUEST, width_px=512)) == pytest.approx(2 * usual)
    assert denoising_bytes(FACTS, replace(REQUEST, guidance_scale=1.0)) < 0.6 * usual
    assert denoising_bytes(ClipFacts.read(UNET, VAE, "bfloat16"), REQUEST) < 0.6 * usual


def test_decoding_grows_with_the_chunk_and_hardly_with_the_clip() -> None:
    one = decoding_bytes(FACTS, REQUEST, 1)
    assert decoding_bytes(FACTS, REQUEST, 8) == pytest.approx(8 * one, rel=0.05)
    assert decoding_bytes(FACTS, replace(REQUEST, frames=256), 1) < 1.2 * one


def test_a_decoder_that_overflows_in_float16_is_counted_in_float32() -> None:
    def one_frame(vae: dict[str, object]) -> int:
        return decoding_bytes(ClipFacts.read(UNET, vae, "float16"), REQUEST, 1)

    assert one_frame(VAE) == decoding_bytes(FACTS, REQUEST, 1)
    assert one_frame({**VAE, "force_upcast": False}) < 0.6 * one_frame(VAE)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_chunk_is_the_largest_that_fits(frames: int) -> None:
    free = decoding_bytes(FACTS, REQUEST, frames)
    assert FACTS.frames_at_once(REQUEST, free + 1) == frames
    assert FACTS.frames_at_once(REQUEST, free - 100) == max(1, frames - 1)


def test_a_chunk_is_never_longer_than_the_clip_nor_than_is_of_use() -> None:
    assert FACTS.frames_at_once(replace(REQUEST, frames=3), 10**15) == 3
    assert FACTS.frames_at_once(replace(REQUEST, frames=500), 10**15) == 4


def test_a_huge_clip_is_counted_at_once() -> None:
    started = time.monotonic()
    huge = FACTS.needed_bytes(replace(REQUEST, frames=10_000, width_px=1024, height_px=1024))
    assert huge / GIB > 10_000
    assert time.monotonic() - started < 0.1


@pytest.mark.parametrize("part", [UNET, VAE])
def test_a_configuration_that_lacks_something_does_not_load(part: dict[str, object]) -> None:
    for name in part:
        without = {key: value for key, value in part.items() if key != name}
        with pytest.raises(ModelLoadError) as refused:
            ClipFacts.read(*((without, VAE) if part is UNET else (UNET, without)), "float32")
        assert refused.value.reason == "MODEL_LOAD_FAILED"
