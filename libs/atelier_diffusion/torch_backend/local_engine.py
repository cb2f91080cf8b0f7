"""Opens engines on this machine's device. Importing this module is cheap; opening an engine imports torch."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.engine.model_cache import ModelCache
from atelier_diffusion.engine.model_store import ModelStatus, ModelStore, ModelT
from atelier_diffusion.engine.video_engine import VideoEngine
from atelier_diffusion.policy.model_card import DtypeName
from atelier_diffusion.weights.hub import Hub
from atelier_diffusion.weights.model_revisions import ModelRevisions

if TYPE_CHECKING:
    from atelier_diffusion.torch_backend.device import Device

# Of the memory free at the start, the share that weights may take; the rest is for latents, activations, decoding.
WEIGHTS_SHARE = 0.8


SPIN_COUNT = 2000
"""How many times a thread of torch polls for the other threads before it sleeps (libgomp's GOMP_SPINCOUNT)."""


class EngineOptions(TypedDict, total=False):
    """Options of an engine; all may be left out.

    Attributes:
        device: `auto` (the default), `cpu`, `cuda` or `cuda:N`.
        dtype: The precision of weights; None means the device's own choice.
        threads: CPU threads of one operation; 0 means the physical cores.
        memory_budget_bytes: The most memory for weights; 0 means four fifths of what the device has free now.
        cache_folder: For downloads; None means the hubs' own default.
        hf_endpoint: URL of a Hugging Face mirror; empty means the hub's own default.
        modelscope_endpoint: URL of a ModelScope mirror; empty means the hub's own default.
        model_index: File that stores the hashes of models (see `model_revisions`); None means that every process
            hashes them.
        listener: Receives every change of a model's status, in the thread that loads.
    """

    device: str
    dtype: DtypeName | None
    threads: int
    memory_budget_bytes: int
    cache_folder: Path | None
    hf_endpoint: str
    modelscope_endpoint: str
    model_index: Path | None
    listener: Callable[[ModelStatus], None]


def open_engine(catalogue: Catalogue, **options: Unpack[EngineOptions]) -> ImageEngine:
    """Opens an engine for pictures, with no model loaded. Takes seconds, since it imports torch.

    Raises:
        EngineError: INVALID_REQUEST, this machine has no such device.
    """
    with _importing_torch():
        from atelier_diffusion.torch_backend.pipeline_store import DiffusersStore
    device = _device(options)
    store = DiffusersStore(device, _hub(options), ModelRevisions(options.get("model_index")))
    return ImageEngine(catalogue, _cache(store, device, options), device)


def open_video_engine(catalogue: Catalogue, **options: Unpack[EngineOptions]) -> VideoEngine:
    """Opens an engine for clips over a catalogue of video models; otherwise as `open_engine`."""
    with _importing_torch():
        from atelier_diffusion.torch_backend.pipeline_store import DiffusersClipStore
    device = _device(options)
    store = DiffusersClipStore(device, _hub(options), ModelRevisions(options.get("model_index")))
    return VideoEngine(catalogue, _cache(store, device, options), device)


def _device(options: EngineOptions) -> Device:
    from atelier_diffusion.torch_backend.device import Device, set_threads

    set_threads(options.get("threads", 0))
    return Device.choose(options.get("device", "auto"), options.get("dtype"))


def _hub(options: EngineOptions) -> Hub:
    return Hub(options.get("cache_folder"), options.get("hf_endpoint", ""), options.get("modelscope_endpoint", ""))


def _cache(store: ModelStore[ModelT], device: Device, options: EngineOptions) -> ModelCache[ModelT]:
    budget_bytes = options.get("memory_budget_bytes") or int(device.memory().free_bytes * WEIGHTS_SHARE)
    return ModelCache(store, budget_bytes, options.get("listener", lambda _: None))


@contextmanager
def _importing_torch() -> Iterator[None]:
    # Before torch loads OpenMP, and only where the operator has set neither: see docs/benchmarks.md.
    if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        os.environ["GOMP_SPINCOUNT"] = str(SPIN_COUNT)
    # Otherwise they write plain text between our JSON lines: that torchvision is missing, and the truncated part of a
    # prompt, which our logs must not hold. Overrides the environment; read when they are imported.
    os.environ["TRANSFORMERS_VERBOSITY"] = os.environ["DIFFUSERS_VERBOSITY"] = "error"
    with _collector_paused():
        yield


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pauses the garbage collector: importing three thousand modules is a sixth faster.

    What was imported stays for the life of the process, so it is frozen: the collector never visits it.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()
