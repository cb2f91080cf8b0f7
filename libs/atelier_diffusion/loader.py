"""Loads diffusers pipelines: safetensors only, no remote code, no safety checker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format
from transformers.utils import logging as transformers_logging

from atelier_diffusion.clip_memory import ClipFacts
from atelier_diffusion.device import Device, torch_dtype
from atelier_diffusion.errors import EngineError, ModelLoadError
from atelier_diffusion.hub import Hub
from atelier_diffusion.latent_loop import LatentLoop
from atelier_diffusion.model_card import DtypeName, ModelCard, PreviewMethod
from atelier_diffusion.model_folder import ModelFolder
from atelier_diffusion.pipeline import DiffusersLoop
from atelier_diffusion.video_pipeline import DiffusersClipLoop

LoopT = TypeVar("LoopT", bound=LatentLoop)
LoopMaker = Callable[[Any, Device, PreviewMethod], LoopT]


@dataclass(frozen=True, slots=True)
class LocatedPipeline(Generic[LoopT]):
    """A model whose folder is on this machine and has been looked at."""

    card: ModelCard
    folder: ModelFolder
    revision: str
    needed_bytes: int
    device: Device
    make_loop: LoopMaker[LoopT]

    @property
    def facts(self) -> ClipFacts:
        """What decides how much memory the clips of a video model take. Raises `ModelLoadError`."""
        dtype = self.device.dtype_for(self.card.dtype)
        return ClipFacts.read(self.folder.config("unet"), self.folder.config("vae"), dtype)

    def load(self) -> LoopT:
        """Reads the weights to the device. Raises `ModelLoadError`."""
        dtype = torch_dtype(self.device.dtype_for(self.card.dtype))
        try:
            return self.device.guarded(lambda: self._load(dtype))
        except ModelLoadError:
            raise
        except EngineError as error:
            raise ModelLoadError("MODEL_TOO_LARGE", f"memory ran out while model {self.card.id} was loaded") from error
        except (OSError, ValueError, TypeError, KeyError, RuntimeError, ImportError, AttributeError) as error:
            # What diffusers and transformers raise for files that do not fit together; their texts hold paths.
            raise ModelLoadError(
                "MODEL_LOAD_FAILED", f"the files of model {self.card.id} do not make a pipeline"
            ) from error

    def _load(self, dtype: torch.dtype) -> LoopT:
        with _quiet():
            pipe = _from_folder(self.folder, dtype)
        _check_parts(pipe)
        pipe.to(self.device.torch_device)
        _tune(pipe)
        return self.make_loop(pipe, self.device, self.card.preview)


class PipelineStore(Generic[LoopT]):
    """Models of the catalogue as diffusers pipelines. Implements `model_cache.ModelStore[LoopT]`."""

    def __init__(self, device: Device, hub: Hub, make_loop: LoopMaker[LoopT]) -> None:
        self._device = device
        self._hub = hub
        self._make_loop = make_loop

    def locate(self, card: ModelCard) -> LocatedPipeline[LoopT]:
        """Finds or downloads the model's folder and checks it. Raises `ModelLoadError`."""
        if card.folder is not None:
            path, revision = card.folder, card.revision
        else:
            path, revision = self._hub.download(card.source, card.variant)
        folder = ModelFolder(path, card.variant)
        folder.check(card.kind)
        dtype: DtypeName = self._device.dtype_for(card.dtype)
        return LocatedPipeline(
            card, folder, revision, folder.needed_bytes(dtype), self._device, self._make_loop
        )  # fmt: skip


class DiffusersStore(PipelineStore[DiffusersLoop]):
    """Models that draw pictures."""

    def __init__(self, device: Device, hub: Hub) -> None:
        super().__init__(device, hub, DiffusersLoop)


class DiffusersClipStore(PipelineStore[DiffusersClipLoop]):
    """Models that draw clips."""

    def __init__(self, device: Device, hub: Hub) -> None:
        super().__init__(device, hub, DiffusersClipLoop)


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars, and no word in plain text between our JSON lines that a pipeline is deprecated."""
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    verbosity = diffusers_logging.get_verbosity()
    diffusers_logging.set_verbosity_error()
    try:
        yield
    finally:
        diffusers_logging.set_verbosity(verbosity)


def _from_folder(folder: ModelFolder, dtype: torch.dtype) -> Any:
    options: dict[str, Any] = {
        "dtype": dtype,
        "use_safetensors": True,
        "local_files_only": True,
        "variant": folder.variant or None,
    }
    path: Path = folder.path
    # Imported where they are used: it takes seconds that only those who use them should spend.
    if folder.pipeline == "TextToVideoSDPipeline":
        from diffusers.pipelines.deprecated.text_to_video_synthesis.pipeline_text_to_video_synth import (
            TextToVideoSDPipeline,
        )

        return TextToVideoSDPipeline.from_pretrained(path, **options)
    options |= {"feature_extractor": None, "image_encoder": None}
    if folder.pipeline == "StableDiffusionXLPipeline":
        from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline

        return StableDiffusionXLPipeline.from_pretrained(path, add_watermarker=False, **options)
    return StableDiffusionPipeline.from_pretrained(path, safety_checker=None, requires_safety_checker=False, **options)


def _check_parts(pipe: Any) -> None:
    """Refuses pipelines of a supported class that need more than a prompt, or a scheduler of their own."""
    unet, vae = pipe.unet.config, pipe.vae.config
    if unet.in_channels != vae.latent_channels:
        raise ModelLoadError("MODEL_UNSUPPORTED", "the model needs more than a prompt (inpainting, editing)")
    if unet.time_cond_proj_dim is not None:
        raise ModelLoadError("MODEL_UNSUPPORTED", "consistency models need a scheduler of their own")


def _tune(pipe: Any) -> None:
    """What makes it faster, or right, without changing what it computes."""
    pipe.unet.eval()
    pipe.vae.eval()
    if pipe.vae.dtype == torch.float16 and pipe.vae.config.force_upcast:
        pipe.vae.to(torch.float32)  # SDXL's decoder overflows in float16
    # Convolutions are faster so: 6 to 10 % of the demo model's time on a CPU, more on tensor cores.
    # Those in two dimensions: a network over time has others, which know no such layout.
    convert_conv2d_weight_memory_format(pipe.unet, torch.channels_last)
    convert_conv2d_weight_memory_format(pipe.vae, torch.channels_last)
