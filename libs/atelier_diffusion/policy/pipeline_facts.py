"""Facts of a video model that its own pipeline's call draws with, known before the model is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from atelier_diffusion.policy.clip_memory import MOST_FRAMES_AT_ONCE
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.pipeline_call import PipelineCall
from atelier_diffusion.policy.request import SchedulerName, VideoRequest
from atelier_diffusion.policy.scheduler_choice import SchedulerChoice

# Copies of its input that a transformer's or a network's layer holds, with room to spare (see `clip_memory`).
_LAYER_COPIES = 30
# A UNet works on every frame, at an eighth of the size; a transformer on patches of two by two such pixels, and every
# one that diffusers has for clips draws no more than one latent frame for four.
_LATENT_PX, _PATCH_PX, _FRAMES_A_LATENT = 8, 16, 4
# Width where no configuration has it: that of the widest transformer known here.
_WIDEST = 5120
# Decoders work in tiles; this many pixels of all frames, at their first channels, is more than today's decoders hold.
_TILE_PX, _DECODER_CHANNELS, _DECODER_COPIES = 256, 128, 7
# A pixel of the whole clip: three values, decoded, assembled from tiles, as float32, as an array, as bytes.
_PIXEL_NUMBERS, _PIXEL_FLOATS = 3 * 2, 3 * 3


@dataclass(frozen=True, slots=True)
class PipelineFacts:
    """Which clips a pipeline draws by its own call, and what memory they take. Implements `clip_model.ModelFacts`.

    The memory is a rough estimate, too high rather than too low: no two families are alike.

    Attributes:
        call: What the pipeline's call takes.
        own_scheduler: The name of the model's own scheduler.
        schedulers: All that a request may name.
        is_network: Whether a UNet denoises; otherwise a transformer does.
        width: Channels of the transformer's tokens or of the UNet's first stage.
        decoder_channels: Channels of the decoder's last stage.
        number_bytes: Bytes of one activation.
        max_frames: The length of the motion layers; None where there are none.
    """

    call: PipelineCall
    own_scheduler: SchedulerName
    schedulers: tuple[SchedulerName, ...]
    is_network: bool
    width: int
    decoder_channels: int
    number_bytes: int
    max_frames: int | None = None

    @classmethod
    def read(
        cls, call: PipelineCall, configs: Mapping[str, Mapping[str, Any]], default: SchedulerName, number_bytes: int
    ) -> PipelineFacts:
        """Reads the configurations of a model folder.

        Args:
            call: What the pipeline's call takes.
            configs: The configurations by part; any may be missing.
            default: The card's default scheduler, the name of an own scheduler that has none here.
            number_bytes: Bytes of one activation.
        """
        choice = SchedulerChoice.read(configs.get("scheduler", {}))
        own = choice.own or default
        unet, vae = configs.get("unet"), configs.get("vae", {})
        return cls(
            call=call,
            own_scheduler=own,
            schedulers=choice.names or (own,),
            is_network=unet is not None,
            width=_width(configs.get("transformer", {}) if unet is None else unet),
            decoder_channels=_first(vae, "block_out_channels", "base_dim") or _DECODER_CHANNELS,
            number_bytes=number_bytes,
            max_frames=_first(configs.get("motion_adapter", {}), "motion_max_seq_length")
            or _first(unet or {}, "motion_max_seq_length"),
        )

    def check(self, request: VideoRequest) -> None:
        """Checks a request against the pipeline's call and schedulers.

        Raises:
            EngineError: INVALID_REQUEST or INVALID_FRAMES, the pipeline cannot draw it.
        """
        if request.scheduler not in self.schedulers:
            raise EngineError(
                "INVALID_REQUEST",
                f"the model draws with {' or '.join(self.schedulers)} only, not with {request.scheduler}:"
                " ask for that, or make it the default in the model's catalogue entry",
            )
        if self.max_frames is not None and request.frames > self.max_frames:
            raise EngineError("INVALID_FRAMES", f"the model draws at most {self.max_frames} frames")
        if self.call.needs_image and request.first_frame is None:
            raise EngineError("INVALID_REQUEST", "the model needs a first frame")
        if request.negative_prompt and "negative_prompt" not in self.call.arguments:
            raise EngineError("INVALID_REQUEST", "the model takes no negative prompt")

    def needed_bytes(self, request: VideoRequest) -> int:
        """The least memory that the clip takes, without the weights."""
        pixels = request.width_px * request.height_px
        if self.is_network:
            tokens = pixels * request.frames // _LATENT_PX**2
        else:
            tokens = pixels * (request.frames // _FRAMES_A_LATENT + 1) // _PATCH_PX**2
        rows = 2 if request.is_guided else 1
        denoising = tokens * rows * self.width * _LAYER_COPIES * self.number_bytes
        tile = min(request.width_px, _TILE_PX) * min(request.height_px, _TILE_PX) * request.frames
        decoding = tile * self.decoder_channels * _DECODER_COPIES * self.number_bytes
        whole = pixels * request.frames * (_PIXEL_NUMBERS * self.number_bytes + _PIXEL_FLOATS * 4)
        return max(denoising, decoding + whole)

    def frames_at_once(self, request: VideoRequest, free_bytes: int) -> int:  # noqa: ARG002
        """How many frames to pass on at once: the pipeline has decoded the whole clip by then."""
        return min(request.frames, MOST_FRAMES_AT_ONCE)


def _width(config: Mapping[str, Any]) -> int:
    heads, each = config.get("num_attention_heads"), config.get("attention_head_dim")
    product = heads * each if isinstance(heads, int) and isinstance(each, int) else None
    # A UNet has heads too, but the channels of its first stage are what is widest.
    return _first(config, "block_out_channels") or product or _first(config, "hidden_size") or _WIDEST


def _first(config: Mapping[str, Any], *names: str) -> int | None:
    """The number under the first of these names that has one; of a list, its first entry."""
    value = next((config[name] for name in names if config.get(name)), None)
    first = value[0] if isinstance(value, list) else value
    return first if isinstance(first, int) else None
