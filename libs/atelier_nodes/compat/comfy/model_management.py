"""`comfy.model_management`: devices, types and memory of this host.

Weights of the mesh's models are on its workers. What a host has on a device are tensors and models that packs load
themselves.
"""

import gc
import logging
from enum import Enum
from typing import Any

import psutil
import torch

from atelier_graph.context import current_node
from atelier_graph.errors import RunInterruptedError
from atelier_nodes.packs.host_options import OPTIONS
from atelier_nodes.packs.model_internals import missing, placeholder

log = logging.getLogger(__name__)

InterruptProcessingException = RunInterruptedError
OOM_EXCEPTION: type[Exception] = torch.OutOfMemoryError
XFORMERS_IS_AVAILABLE = False
XFORMERS_ENABLED_VAE = False
directml_enabled = False
xpu_available = False
lowvram_available = True
current_loaded_models: list[Any] = []
EXTRA_RESERVED_VRAM = 0
WINDOWS = False
FLOAT8_TYPES: list[torch.dtype] = [torch.float8_e4m3fn, torch.float8_e5m2]
VAE_DTYPES: list[torch.dtype] = [torch.float32]

LoadedModel = placeholder("comfy.model_management.LoadedModel")


class VRAMState(Enum):
    """How much of a model is on the device."""

    DISABLED = 0
    NO_VRAM = 1
    LOW_VRAM = 2
    NORMAL_VRAM = 3
    HIGH_VRAM = 4
    SHARED = 5


class CPUState(Enum):
    """Which kind of device is used."""

    GPU = 0
    CPU = 1
    MPS = 2


def get_torch_device() -> torch.device:
    """Returns the device on which nodes compute."""
    if OPTIONS.cpu or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def get_torch_device_name(device: torch.device) -> str:
    """Returns a device's name, for people."""
    return f"{device} {torch.cuda.get_device_name(device)}" if device.type == "cuda" else str(device)


def _cpu() -> torch.device:
    return torch.device("cpu")


vae_device = get_torch_device
intermediate_device = vae_offload_device = unet_offload_device = _cpu
text_encoder_offload_device = _cpu


def unet_inital_load_device(parameters: int, dtype: torch.dtype) -> torch.device:
    """Returns where weights are loaded first."""
    return _cpu()


def text_encoder_device() -> torch.device:
    """Returns where text encoders compute."""
    return get_torch_device()


def text_encoder_initial_device(
    load_device: torch.device,
    offload_device: torch.device,
    model_size: int = 0,
) -> torch.device:
    """Returns where a text encoder is loaded first."""
    return offload_device


def intermediate_dtype() -> torch.dtype:
    """Returns the type of pictures and latents between nodes."""
    return torch.float32


def vae_dtype(device: torch.device | None = None, allowed_dtypes: Any = ()) -> torch.dtype:
    """Returns the type in which pictures are encoded and decoded."""
    return torch.float32


def text_encoder_dtype(device: torch.device | None = None) -> torch.dtype:
    """Returns the type of text encoders' weights."""
    return torch.float32 if is_device_cpu(device or get_torch_device()) else torch.float16


def unet_dtype(device: torch.device | None = None, **_: Any) -> torch.dtype:
    """Returns the type of networks' weights."""
    return torch.float32 if is_device_cpu(device or get_torch_device()) else torch.float16


def unet_manual_cast(
    weight_dtype: torch.dtype,
    inference_device: torch.device,
    supported_dtypes: Any = (),
) -> torch.dtype | None:
    """Returns the type to compute in where it is not that of the weights, else None."""
    return None if supports_dtype(inference_device, weight_dtype) else torch.float32


def supports_dtype(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a device computes in a type."""
    return dtype == torch.float32 or (dtype in (torch.float16, torch.bfloat16) and not is_device_cpu(device))


def supports_cast(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a device converts to a type."""
    return dtype in (torch.float32, torch.float16, torch.bfloat16, *FLOAT8_TYPES)


def supports_fp8_compute(device: torch.device | None = None) -> bool:
    """Whether a device multiplies matrices of 8-bit floats."""
    chosen = device or get_torch_device()
    return chosen.type == "cuda" and torch.cuda.get_device_capability(chosen) >= (8, 9)


def should_use_fp16(device: torch.device | None = None, *_: Any, **__: Any) -> bool:
    """Whether 16-bit floats are faster on a device."""
    return not is_device_cpu(device or get_torch_device())


def should_use_bf16(device: torch.device | None = None, *_: Any, **__: Any) -> bool:
    """Whether 16-bit brain floats are faster on a device."""
    chosen = device or get_torch_device()
    return chosen.type == "cuda" and torch.cuda.get_device_capability(chosen) >= (8, 0)


def dtype_size(dtype: torch.dtype) -> int:
    """Returns the bytes of one element."""
    return dtype.itemsize


def get_autocast_device(dev: torch.device) -> str:
    """Returns the kind of a device, as `torch.autocast` takes it."""
    return dev.type


def is_device_type(device: Any, kind: str) -> bool:
    """Whether a device is of a kind."""
    return getattr(device, "type", None) == kind


def is_device_cpu(device: Any) -> bool:
    """Whether a device is the CPU."""
    return is_device_type(device, "cpu")


def is_device_mps(device: Any) -> bool:
    """Whether a device is Apple's GPU."""
    return is_device_type(device, "mps")


def is_device_cuda(device: Any) -> bool:
    """Whether a device is a GPU with CUDA."""
    return is_device_type(device, "cuda")


def is_device_xpu(device: Any) -> bool:
    """Whether a device is Intel's GPU."""
    return is_device_type(device, "xpu")


def is_nvidia() -> bool:
    """Whether nodes compute on a GPU of NVIDIA."""
    return is_device_cuda(get_torch_device()) and torch.version.cuda is not None


def is_amd() -> bool:
    """Whether nodes compute on a GPU of AMD."""
    return is_device_cuda(get_torch_device()) and torch.version.hip is not None


def is_intel_xpu() -> bool:
    """Whether nodes compute on a GPU of Intel."""
    return is_device_xpu(get_torch_device())


def xformers_enabled() -> bool:
    """Whether xformers computes attention."""
    return False


sage_attention_enabled = flash_attention_enabled = xformers_enabled_vae = xformers_enabled


def pytorch_attention_enabled() -> bool:
    """Whether torch computes attention."""
    return True


pytorch_attention_flash_attention = pytorch_attention_enabled_vae = pytorch_attention_enabled


def force_channels_last() -> bool:
    """Whether weights are stored with channels last."""
    return bool(OPTIONS.force_channels_last)


def device_supports_non_blocking(device: torch.device) -> bool:
    """Whether copies to a device can overlap with work."""
    return is_device_cuda(device)


def device_should_use_non_blocking(device: torch.device) -> bool:
    """Whether copies to a device should overlap with work."""
    return False


def cast_to_device(tensor: torch.Tensor, device: torch.device, dtype: torch.dtype, copy: bool = False) -> torch.Tensor:
    """Returns a tensor on a device, in a type."""
    return tensor.to(device=device, dtype=dtype, copy=copy)


def cast_to(
    weight: torch.Tensor,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
    non_blocking: bool = False,
    copy: bool = False,
    **_: Any,
) -> torch.Tensor:
    """Returns a tensor on a device, in a type; what is not given stays."""
    return weight.to(device=device or weight.device, dtype=dtype or weight.dtype, non_blocking=non_blocking, copy=copy)


def module_size(module: torch.nn.Module) -> int:
    """Returns the bytes of a module's weights."""
    return sum(tensor.nelement() * tensor.element_size() for tensor in module.state_dict().values())


def get_total_memory(dev: torch.device | None = None, torch_total_too: bool = False) -> Any:
    """Returns a device's memory in bytes; with `torch_total_too` also that which torch has reserved."""
    device = dev or get_torch_device()
    if is_device_cuda(device):
        total, reserved = torch.cuda.mem_get_info(device)[1], torch.cuda.memory_reserved(device)
    else:
        total = reserved = psutil.virtual_memory().total
    return (total, reserved) if torch_total_too else total


def get_free_memory(dev: torch.device | None = None, torch_free_too: bool = False) -> Any:
    """Returns a device's free memory in bytes; with `torch_free_too` also what torch has reserved of it."""
    device = dev or get_torch_device()
    if is_device_cuda(device):
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        free = torch.cuda.mem_get_info(device)[0] + unused
    else:
        free = unused = psutil.virtual_memory().available
    return (free, unused) if torch_free_too else free


def minimum_inference_memory() -> int:
    """Returns the bytes that stay free for computing."""
    return 1 << 30


def extra_reserved_memory() -> int:
    """Returns the bytes that stay free for other programs."""
    return EXTRA_RESERVED_VRAM


def maximum_vram_for_weights(device: torch.device | None = None) -> int:
    """Returns the bytes that weights may take on a device."""
    return max(0, int(get_total_memory(device) * 0.88) - minimum_inference_memory())


def soft_empty_cache(force: bool = False) -> None:
    """Gives memory that torch has reserved and does not use back to the device."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def cleanup_models() -> None:
    """Collects garbage."""
    gc.collect()


cleanup_models_gc = cleanup_models


def unload_all_models() -> None:
    """Frees memory: the host holds no models except those of packs, which unload them themselves."""
    gc.collect()
    soft_empty_cache()


def free_memory(memory_required: int, device: torch.device, *_: Any, **__: Any) -> list[Any]:
    """Frees memory and returns the models that were unloaded, of which there are none."""
    unload_all_models()
    return []


def loaded_models(only_currently_used: bool = False) -> list[Any]:
    """Returns no models: they are on the workers of the mesh."""
    return []


def load_models_gpu(models: Any, *_: Any, **__: Any) -> None:
    """Refuses to load a model.

    Raises:
        ModelInternalsError: There are models to load.
    """
    if models:
        raise missing("comfy.model_management.load_models_gpu")


def load_model_gpu(model: Any) -> None:
    """Refuses to load a model.

    Raises:
        ModelInternalsError: Always.
    """
    load_models_gpu([model])


def throw_exception_if_processing_interrupted() -> None:
    """Checks whether the execution of the node that runs is interrupted.

    Raises:
        InterruptProcessingException: It is.
    """
    if node := current_node():
        node.check_interrupt()


def processing_interrupted() -> bool:
    """Whether the execution of the node that runs is interrupted."""
    try:
        throw_exception_if_processing_interrupted()
    except InterruptProcessingException:
        return True
    return False


def interrupt_current_processing(value: bool = True) -> None:
    """Ends the execution of the node that runs.

    Raises:
        InterruptProcessingException: A node runs.
    """
    if value and current_node() is not None:
        raise InterruptProcessingException


cpu_state = CPUState.CPU if get_torch_device().type == "cpu" else CPUState.GPU
vram_state = set_vram_to = VRAMState.DISABLED if cpu_state is CPUState.CPU else VRAMState.NORMAL_VRAM
total_vram = get_total_memory() / 2**20
total_ram = psutil.virtual_memory().total / 2**20
