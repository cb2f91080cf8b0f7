"""Puts an engine together for this machine. Importing this module is cheap; opening an engine imports torch."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from atelier_diffusion.catalogue import Catalogue
from atelier_diffusion.engine import ImageEngine
from atelier_diffusion.model_cache import ModelCache, ModelStatus
from atelier_diffusion.model_card import DtypeName

# Of the memory free at the start, the share that weights may take; the rest is for latents, activations, decoding.
WEIGHTS_SHARE = 0.8


def open_engine(
    catalogue: Catalogue,
    *,
    device: str = "auto",
    dtype: DtypeName | None = None,
    threads: int = 0,
    memory_budget_bytes: int = 0,
    cache_folder: Path | None = None,
    hf_endpoint: str = "",
    modelscope_endpoint: str = "",
    listener: Callable[[ModelStatus], None] = lambda _: None,
) -> ImageEngine:
    """An engine with no model loaded yet. Takes seconds (it imports torch): call it from a worker thread.

    `device` is `auto`, `cpu`, `cuda` or `cuda:N`; `threads` 0 means the physical cores; a budget of 0 means four
    fifths of what the device has free now. `listener` hears every change of a model's state, in the thread that
    loads. Raises `EngineError` INVALID_REQUEST for a device that is not there.
    """
    # Before torch loads OpenMP: threads that wait must sleep, not spin. On cores shared with other processes spinning
    # made one convolution 30 times slower (31 ms against 0.7 ms); on idle cores it gains next to nothing.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # It says in plain text, between our JSON lines, that it gets on without torchvision.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    with _collector_paused():
        from atelier_diffusion.device import Device, set_threads
        from atelier_diffusion.hub import Hub
        from atelier_diffusion.loader import DiffusersStore

    set_threads(threads)
    chosen = Device.choose(device, dtype)
    budget_bytes = memory_budget_bytes or int(chosen.memory().free_bytes * WEIGHTS_SHARE)
    store = DiffusersStore(chosen, Hub(cache_folder, hf_endpoint, modelscope_endpoint))
    return ImageEngine(catalogue, ModelCache(store, budget_bytes, listener), chosen)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Three thousand modules are imported: without the collector looking at them again and again, a sixth faster.

    What was imported stays for good, so it is never looked at again either.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()
