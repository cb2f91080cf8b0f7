"""Memory estimate of clips in ModelScope's architecture, made before anything is loaded. Pure arithmetic.

A walk through the network counts, stage by stage, the activations that are alive at once: the skip connections, and
what the running layer holds. Weights are not counted here (see `weights.safetensors_file`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from atelier_diffusion.policy.errors import EngineError, ModelLoadError
from atelier_diffusion.policy.model_card import DTYPE_BYTES, DtypeName
from atelier_diffusion.policy.request import VideoRequest

GIB = 2**30

# On a CPU larger chunks are slower: frames of 128 px took a third longer each, eight at once, than one by one. And the
# smaller the limit, the less often memory decides the size: in chunks of another size one value in 10,000 rounds
# differently.
MOST_FRAMES_AT_ONCE = 4

# On top of the count: the allocator's gaps, and copies that kernels make internally. With it the estimates are 1.0
# to 1.3 times the peaks measured on a CPU when denoising, 1.0 to 1.9 times when decoding (16 and 64 frames of 128 and
# 256 px, three random models, float32 and bfloat16).
_SPARE = 1.3

# Copies of its input that a layer holds at its peak.
# Transformer: 8 for the gated projection, 4 and 4 for gate and product, 4 for residuals and norms.
_TRANSFORMER = 20
# Convolution: what comes in, normalised, and laid out anew for the kernel; what goes out, twice for the same reason.
_CONVOLUTION_IN, _CONVOLUTION_OUT = 3, 2
# Convolution over time: four in a row, the first one's input kept.
_TEMPORAL_CONVOLUTION = 6

# Latents are float32: the sample, the noise, the prediction and its rows, the scheduler's history, the original.
_LATENT_COPIES, _LATENT_BYTES = 10, 4
# A pixel between the decoder and bytes: three values padded to a kernel's sixteen, float32, scaled and rounded.
_PIXEL_BYTES = 16 * 4 + 3 * (4 * 4 + 1)


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """The dimensions of a model in ModelScope's architecture that decide how much memory a clip takes. Implements
    `clip_model.ModelFacts`.

    Attributes:
        latent_px: Pixels of the clip along one side of a latent pixel.
        network_channels: Channels of the UNet's stages, from the largest picture to the smallest.
        network_attends: Whether each of these stages has attention.
        entry_channels: Channels of the transformer before the first stage.
        decoder_channels: Channels of the decoder's stages, from the largest picture to the smallest.
        network_number_bytes: Bytes of one activation in the UNet.
        decoder_number_bytes: Bytes of one activation in the decoder.
    """

    latent_channels: int
    latent_px: int
    network_channels: tuple[int, ...]
    network_layers: int
    network_attends: tuple[bool, ...]
    entry_channels: int
    decoder_channels: tuple[int, ...]
    decoder_layers: int
    network_number_bytes: int
    decoder_number_bytes: int

    @classmethod
    def read(cls, unet: Mapping[str, Any], vae: Mapping[str, Any], dtype: DtypeName) -> ClipFacts:
        """Reads the configurations of a UNet3DConditionModel and an AutoencoderKL.

        Args:
            unet: `unet/config.json`.
            vae: `vae/config.json`.
            dtype: The precision that both are loaded in.

        Raises:
            ModelLoadError: MODEL_LOAD_FAILED, a field is missing.
        """
        in_float32 = dtype == "float16" and vae.get("force_upcast", True)  # as `pipeline_reader` does
        try:
            decoder_channels = tuple(int(channels) for channels in vae["block_out_channels"])
            return cls(
                latent_channels=int(vae["latent_channels"]),
                latent_px=2 ** (len(decoder_channels) - 1),
                network_channels=tuple(int(channels) for channels in unet["block_out_channels"]),
                network_layers=int(unet["layers_per_block"]),
                network_attends=tuple("CrossAttn" in name for name in unet["down_block_types"]),
                entry_channels=8 * int(unet["attention_head_dim"]),  # it always has eight heads
                decoder_channels=decoder_channels,
                decoder_layers=int(vae["layers_per_block"]),
                network_number_bytes=DTYPE_BYTES[dtype],
                decoder_number_bytes=DTYPE_BYTES["float32" if in_float32 else dtype],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelLoadError("MODEL_LOAD_FAILED", f"the model's configuration lacks {error}") from error

    def check(self, request: VideoRequest) -> None:
        """The loop draws every clip that the card admits."""

    def needed_bytes(self, request: VideoRequest) -> int:
        """The least memory that the clip takes: denoising cannot be divided, frames can be decoded one by one."""
        return max(denoising_bytes(self, request), decoding_bytes(self, request, 1))

    def frames_at_once(self, request: VideoRequest, free_bytes: int) -> int:
        """The most frames that can be decoded at once in `free_bytes`; from 1 to `MOST_FRAMES_AT_ONCE`."""
        none, one = (decoding_bytes(self, request, frames) for frames in (0, 1))
        fitting = (free_bytes - none) // (one - none)
        return max(1, min(fitting, request.frames, MOST_FRAMES_AT_ONCE))


def denoising_bytes(facts: ClipFacts, request: VideoRequest) -> int:
    """Peak memory of one denoising step, the latents included."""
    pixels = request.frames * request.width_px * request.height_px // facts.latent_px**2
    rows = 2 if request.is_guided else 1
    activations = max(_network_stages(facts)) * rows * facts.network_number_bytes
    return int(_SPARE * pixels * (activations + facts.latent_channels * _LATENT_COPIES * _LATENT_BYTES))


def decoding_bytes(facts: ClipFacts, request: VideoRequest, frames_at_once: int) -> int:
    """Peak memory of decoding `frames_at_once` frames, the latents of the whole clip included."""
    pixels = request.width_px * request.height_px
    latents = request.frames * pixels // facts.latent_px**2 * facts.latent_channels * _LATENT_COPIES * _LATENT_BYTES
    activations = max(_decoder_stages(facts)) * facts.decoder_number_bytes
    return int(latents + _SPARE * frames_at_once * pixels * (activations + _PIXEL_BYTES))


def clip_too_large(request: VideoRequest, needed: int, free: int) -> EngineError:
    """The error for a clip that needs more memory than is free: CLIP_TOO_LARGE. Both in bytes."""
    clip = f"{request.frames} frames of {request.width_px} × {request.height_px} px"
    needs = f"needs about {needed / GIB:.1f} GiB, {max(free, 0) / GIB:.1f} GiB are free"
    return EngineError("CLIP_TOO_LARGE", f"a clip of {clip} {needs}")


def _network_stages(facts: ClipFacts) -> Iterator[float]:
    """Activations alive at each stage of the 3D UNet, for each pixel of the latent, frame and row."""
    widths = list(zip(facts.network_channels, facts.network_attends, strict=True))
    first = facts.network_channels[0]
    yield 2 * first + _TRANSFORMER * facts.entry_channels

    skips: list[float] = [first]
    before = first
    for level, (channels, attends) in enumerate(widths):
        share = 0.25**level
        for _ in range(facts.network_layers):
            yield sum(skips) + share * _layer(before, channels, attends)
            skips.append(share * channels)
            before = channels
        if level < len(widths) - 1:
            skips.append(share / 4 * channels)
    yield sum(skips) + 0.25 ** (len(widths) - 1) * _layer(before, before, True)
    for level, (channels, attends) in reversed(list(enumerate(widths))):
        share = 0.25**level
        for _ in range(facts.network_layers + 1):
            yield sum(skips) + share * _layer(before + channels, channels, attends)
            skips.pop()
            before = channels


def _layer(channels_in: int, channels_out: int, attends: bool) -> int:
    convolution = _CONVOLUTION_IN * channels_in + _CONVOLUTION_OUT * channels_out
    others = _TRANSFORMER if attends else _TEMPORAL_CONVOLUTION
    return max(convolution, others * channels_out)


def _decoder_stages(facts: ClipFacts) -> Iterator[float]:
    """Activations alive at each stage of the decoder, for each pixel of the picture."""
    before = facts.decoder_channels[-1]
    for level, channels in reversed(list(enumerate(facts.decoder_channels))):
        share = 0.25**level
        yield share * (_CONVOLUTION_IN * before + _CONVOLUTION_OUT * channels)
        yield share * (_CONVOLUTION_IN + _CONVOLUTION_OUT) * channels
        if level:
            yield 4 * share * (_CONVOLUTION_IN + _CONVOLUTION_OUT - 1) * channels  # twice as wide and high
        before = channels
