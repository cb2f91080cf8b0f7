"""Clips from the call of any diffusers pipeline that takes the usual arguments (see `pipeline_call`).

The call denoises, and decodes the whole clip at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from atelier_diffusion.engine.clip_model import FrameDecoder
from atelier_diffusion.engine.denoising import OnStep, StepReport, report_step
from atelier_diffusion.engine.results import Frames
from atelier_diffusion.policy.clip_memory import MOST_FRAMES_AT_ONCE
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.pipeline_facts import PipelineFacts
from atelier_diffusion.policy.prompt_tokens import PromptTokens, count_tokens
from atelier_diffusion.policy.request import VideoRequest
from atelier_diffusion.torch_backend.autoencoder import overflowed
from atelier_diffusion.torch_backend.device import Device
from atelier_diffusion.torch_backend.latent_loop import held_bytes
from atelier_diffusion.torch_backend.noise_schedulers import pipeline_scheduler
from atelier_diffusion.torch_backend.pipeline_reader import quiet

# The names that pipelines have for the number of frames that one latent frame stands for.
_FRAMES_A_LATENT = ("vae_scale_factor_temporal", "vae_temporal_compression_ratio", "vae_temporal_scale_factor")


class CalledPipeline:
    """Draws clips by calling one loaded pipeline. Implements `ClipModel`."""

    def __init__(self, pipe: Any, device: Device, facts: PipelineFacts) -> None:
        self.facts = facts
        self.memory_bytes = held_bytes(pipe)
        self._pipe = pipe
        self._device = device
        self._scheduler = pipe.scheduler
        pipe.set_progress_bar_config(disable=True)
        for saving in ("slicing", "tiling"):  # less memory, more time
            if hasattr(getattr(pipe, "vae", None), f"use_{saving}"):
                getattr(pipe.vae, f"enable_{saving}")()

    def close(self) -> None:
        self._pipe = self._scheduler = None
        self._device.release()

    def count_tokens(self, request: VideoRequest) -> PromptTokens | None:
        return count_tokens(self._pipe, request, self.facts.call.max_sequence_length)

    def draw(self, request: VideoRequest, on_step: OnStep) -> FrameDecoder:
        clip = self._device.guarded(lambda: self._called(request, on_step))
        _check(clip, request)
        return lambda first, count: _to_frames(clip[first : first + count])

    def _called(self, request: VideoRequest, on_step: OnStep) -> NDArray[np.floating[Any]]:
        """Calls the pipeline.

        Returns:
            The clip: (frames, height, width, 3), in [0, 1]; it may have more frames than requested.
        """
        done = 0

        def stepped(_pipe: Any, _index: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            nonlocal done
            done += 1
            runs = getattr(self._pipe.scheduler, "order", 1)  # of the network in one step
            if "latents" in tensors and not bool(torch.isfinite(tensors["latents"]).all()):
                raise overflowed()
            if (done - 1) % runs == 0:
                # Some pipelines take more steps than requested.
                report_step(on_step, StepReport(min(-(-done // runs), request.steps), request.steps, 0, None))
            return tensors

        report_step(on_step, StepReport(0, request.steps, 0, None))
        own = None if request.scheduler == self.facts.own_scheduler else request.scheduler
        self._pipe.scheduler = pipeline_scheduler(own, self._scheduler, request.seed)
        try:
            with quiet():
                output = self._pipe(**self._arguments(request), callback_on_step_end=stepped)
        except NameError as error:  # what diffusers leaves of a package that it can be imported without
            raise EngineError(
                "MODEL_UNSUPPORTED", f"the model's pipeline needs a Python package that is not installed: {error.name}"
            ) from error
        except (ValueError, TypeError, RuntimeError, IndexError, AssertionError) as error:
            if done or isinstance(error, (torch.OutOfMemoryError, torch.AcceleratorError)) or _is_memory(error):
                raise
            # Pipelines check their arguments before they start, each in its own way; what they overlook fails in the
            # first step, and would fail in a retry too.
            lacks_picture = self.facts.call.takes_image and request.first_frame is None
            without = " without a first frame" if lacks_picture else ""
            words = str(error).partition("\n")[0] or type(error).__name__
            raise EngineError("INVALID_REQUEST", f"the model's pipeline refuses this{without}: {words}") from error
        clip: NDArray[np.floating[Any]] = np.asarray(output[0][0])
        return clip

    def _arguments(self, request: VideoRequest) -> dict[str, Any]:
        latent = next((getattr(self._pipe, name) for name in _FRAMES_A_LATENT if hasattr(self._pipe, name)), 1)
        offered: dict[str, Any] = {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt or None,
            "height": request.height_px,
            "width": request.width_px,
            # The first latent frame stands for one frame, each other for `latent`: round up, and cut off the rest.
            "num_frames": -(-(request.frames - 1) // latent) * latent + 1,
            "num_inference_steps": request.steps,
            "guidance_scale": request.guidance_scale,
            "generator": torch.Generator("cpu").manual_seed(request.seed),  # a seed means the same on every device
            "decode_chunk_size": MOST_FRAMES_AT_ONCE,
            "output_type": "np",
        }
        if request.first_frame is not None:
            offered["image"] = Image.fromarray(request.first_frame)
        return {name: value for name, value in offered.items() if name in self.facts.call.arguments}


def _check(clip: NDArray[np.floating[Any]], request: VideoRequest) -> None:
    """Checks the clip that the pipeline returned.

    Raises:
        EngineError: It has another size or fewer frames than requested, or NUMERICAL_FAILURE.
    """
    frames, *picture = clip.shape
    if frames < request.frames:
        raise EngineError("INVALID_FRAMES", f"the model drew {frames} frames where {request.frames} were asked for")
    if picture != [request.height_px, request.width_px, 3]:
        raise EngineError(
            "INVALID_SIZE", f"the model drew {picture[1]} × {picture[0]} px: size_multiple_px in its card is too small"
        )
    if not np.isfinite(clip).all():
        raise overflowed()


def _is_memory(error: Exception) -> bool:
    """Whether the CPU's allocator failed, which has no exception class of its own; see `Device.guarded`."""
    return "can't allocate memory" in str(error)


def _to_frames(clip: NDArray[np.floating[Any]]) -> Frames:
    return (clip * 255).round().clip(0, 255).astype(np.uint8)
