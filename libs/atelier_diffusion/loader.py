"""Loads diffusers pipelines: safetensors only, no remote code, no safety checker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from atelier_diffusion.device import Device, torch_dtype
from atelier_diffusion.errors import EngineError, ModelLoadError
from atelier_diffusion.hub import Hub
from atelier_diffusion.model_card import DtypeName, ModelCard
from atelier_diffusion.model_folder import ModelFolder
from atelier_diffusion.pipeline import DiffusersLoop


@dataclass(frozen=True, slots=True)
class LocatedPipeline:
    """A model whose folder is on this machine and has been looked at."""

    card: ModelCard
    folder: ModelFolder
    revision: str
    needed_bytes: int
    device: Device

    def load(self) -> DiffusersLoop:
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

    def _load(self, dtype: torch.dtype) -> DiffusersLoop:
        pipe = _from_folder(self.folder, dtype)
        _check_parts(pipe)
        pipe.to(self.device.torch_device)
        _tune(pipe)
        return DiffusersLoop(pipe, self.device, self.card.preview)


class DiffusersStore:
    """Models of the catalogue as diffusers pipelines. Implements `model_cache.ModelStore[DiffusersLoop]`."""

    def __init__(self, device: Device, hub: Hub) -> None:
        self._device = device
        self._hub = hub

    def locate(self, card: ModelCard) -> LocatedPipeline:
        """Finds or downloads the model's folder and checks it. Raises `ModelLoadError`."""
        if card.folder is not None:
            path, revision = card.folder, card.revision
        else:
            path, revision = self._hub.download(card.source, card.variant)
        folder = ModelFolder(path, card.variant)
        folder.check()
        dtype: DtypeName = self._device.dtype_for(card.dtype)
        return LocatedPipeline(card, folder, revision, folder.needed_bytes(dtype), self._device)


def _from_folder(folder: ModelFolder, dtype: torch.dtype) -> Any:
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    options: dict[str, Any] = {
        "dtype": dtype,
        "use_safetensors": True,
        "local_files_only": True,
        "variant": folder.variant or None,
        "feature_extractor": None,
        "image_encoder": None,
    }
    path: Path = folder.path
    if folder.pipeline == "StableDiffusionXLPipeline":
        # Here, not above: it takes seconds that only those who use it should spend.
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
    pipe.unet.to(memory_format=torch.channels_last)
    pipe.vae.to(memory_format=torch.channels_last)
