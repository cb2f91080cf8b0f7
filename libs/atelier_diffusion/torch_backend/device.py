"""Devices: a torch device, its precision and its memory."""

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
        """Finds a device.

        Args:
            device: `auto` (CUDA where there is one, else the CPU), `cpu`, `cuda` or `cuda:N`.
            dtype: The precision; None means float32 on a CPU, bfloat16 on CUDA.

        Raises:
            EngineError: INVALID_REQUEST, this machine has no such device.
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
        """Name for torch: `cpu`, `cuda` or `cuda:0`."""
        return str(self.torch_device)

    def dtype_for(self, wanted: DtypeName | None) -> DtypeName:
        """The precision for a model whose card asks for `wanted`."""
        return wanted or self.dtype

    def memory(self) -> MemoryReading:
        """The memory of the GPU, or of the machine."""
        if self.torch_device.type == "cuda":
            free, total = torch.cuda.mem_get_info(self.torch_device)
            reserved = torch.cuda.memory_reserved(self.torch_device) - torch.cuda.memory_allocated(self.torch_device)
            return MemoryReading(used_bytes=total - free, total_bytes=total, reserved_bytes=reserved)
        return host_memory()

    def release(self) -> None:
        """Returns memory that nothing uses to the device."""
        gc.collect()
        self.trim()
        if self.torch_device.type == "cuda":
            torch.cuda.empty_cache()

    def trim(self) -> None:
        """Returns memory that the C library holds after it was freed: hundreds of megabytes after denoising a long clip
        on a CPU. Takes milliseconds; has no effect on a GPU, and without glibc."""
        if self.torch_device.type == "cpu" and _malloc_trim is not None:
            _malloc_trim(0)

    def guarded(self, work: Callable[[], ResultT]) -> ResultT:
        """Runs `work` and returns its result.

        Raises:
            EngineError: OUT_OF_MEMORY, an allocation failed. It is raised outside the handler, so that it holds no
                reference to the stack frames, and with them to the tensors.
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
    """Sets how many threads one operation uses on the CPU, for the whole process; 0 means one per physical core."""
    torch.set_num_threads(threads or physical_cores())
