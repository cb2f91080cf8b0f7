"""Where the numbers are crunched, and in which precision."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

from atelier_diffusion.engine.hardware import MemoryReading, host_memory, physical_cores
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.model_card import DtypeName

ResultT = TypeVar("ResultT")

_malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)

_DTYPES: dict[DtypeName, torch.dtype] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


@dataclass(frozen=True, slots=True)
class Device:
    """A torch device with the precision that models are loaded in unless their card says otherwise."""

    torch_device: torch.device
    dtype: DtypeName

    @classmethod
    def choose(cls, device: str = "auto", dtype: DtypeName | None = None) -> Device:
        """`auto` takes CUDA where there is one; else `cpu`, `cuda` or `cuda:N`.

        Without a dtype: float32 on a CPU, bfloat16 on CUDA. Raises `EngineError` INVALID_REQUEST for a device that
        is not there.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        chosen = torch.device(device)
        if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
            raise EngineError("INVALID_REQUEST", f"this machine has no device {device}")
        return cls(chosen, dtype or ("bfloat16" if chosen.type == "cuda" else "float32"))

    @property
    def name(self) -> str:
        """Name for people: the GPU's, or the number of threads."""
        if self.torch_device.type == "cuda":
            return str(torch.cuda.get_device_name(self.torch_device))
        return f"CPU, {torch.get_num_threads()} threads"

    @property
    def kind(self) -> str:
        """`cpu`, `cuda` or `cuda:0`."""
        return str(self.torch_device)

    def dtype_for(self, wanted: DtypeName | None) -> DtypeName:
        """The precision for a model whose card asks for `wanted`."""
        return wanted or self.dtype

    def memory(self) -> MemoryReading:
        """Memory of the GPU, or of the machine."""
        if self.torch_device.type == "cuda":
            free, total = torch.cuda.mem_get_info(self.torch_device)
            kept = torch.cuda.memory_reserved(self.torch_device) - torch.cuda.memory_allocated(self.torch_device)
            return MemoryReading(used_bytes=total - free, total_bytes=total, reserved_bytes=kept)
        return host_memory()

    def release(self) -> None:
        """Gives memory that nothing uses back to the device."""
        gc.collect()
        self.trim()
        if self.torch_device.type == "cuda":
            torch.cuda.empty_cache()

    def trim(self) -> None:
        """Gives back what the C library keeps of the memory that was freed: after denoising a long clip on a CPU, that
        is hundreds of megabytes. Takes milliseconds; of no effect on a GPU, and where there is no glibc."""
        if self.torch_device.type == "cpu" and _malloc_trim is not None:
            _malloc_trim(0)

    def guarded(self, work: Callable[[], ResultT]) -> ResultT:
        """Does `work`; a failed allocation becomes `EngineError` OUT_OF_MEMORY.

        Raised outside the handler, so that the error does not keep the frames, and with them the tensors, alive.
        """
        try:
            return work()
        except torch.OutOfMemoryError:
            pass
        except RuntimeError as error:
            # The CPU allocator has no exception class of its own.
            if "can't allocate memory" not in str(error):
                raise
        self.release()
        raise EngineError("OUT_OF_MEMORY", f"this needs more memory than {self.name} has free")


def torch_dtype(name: DtypeName) -> torch.dtype:
    """The torch dtype of that name."""
    return _DTYPES[name]


def dtype_name(dtype: torch.dtype) -> DtypeName:
    """The name of a torch dtype that a model can be loaded in."""
    return next(name for name, known in _DTYPES.items() if known is dtype)


def set_threads(threads: int) -> None:
    """Threads that one operation may use on the CPU; 0 means one for each physical core. For the whole process."""
    torch.set_num_threads(threads or physical_cores())
