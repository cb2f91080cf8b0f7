"""`nodes`: the node classes of this host, and those that ship under their own names."""

from typing import Any

from atelier_nodes.builtin import NODE_CLASSES, samplers
from atelier_nodes.builtin.sampler_names import refused_names
from atelier_nodes.builtin.sampling import Sampling
from atelier_nodes.packs.model_internals import placeholder
from atelier_nodes.packs.registry import DISPLAY_NAMES as NODE_DISPLAY_NAME_MAPPINGS
from atelier_nodes.packs.registry import NODE_CLASSES as REGISTERED
from atelier_nodes.packs.registry import WEB_DIRECTORIES as EXTENSION_WEB_DIRS
from atelier_nodes.packs.synchronous_nodes import SynchronousNodes, synchronous, wait_for
from comfy.model_management import interrupt_current_processing, throw_exception_if_processing_interrupted

__all__ = [
    "EXTENSION_WEB_DIRS",
    "LOADED_MODULE_DIRS",
    "MAX_RESOLUTION",
    "NODE_CLASS_MAPPINGS",
    "NODE_DISPLAY_NAME_MAPPINGS",
    "before_node_execution",
    "common_ksampler",
    "interrupt_processing",
]

MAX_RESOLUTION = 16384
"""The largest width and height of a picture, in pixels."""

NODE_CLASS_MAPPINGS = SynchronousNodes(REGISTERED)
LOADED_MODULE_DIRS: dict[str, str] = {}

# Nodes that have no counterpart, and that packs call or inherit from.
MISSING = {
    "CLIPLoader",
    "CLIPSave",
    "CLIPVisionEncode",
    "CLIPVisionLoader",
    "CheckpointLoader",
    "ConditioningSetArea",
    "ConditioningSetAreaPercentage",
    "ConditioningSetAreaStrength",
    "ConditioningSetMask",
    "ConditioningSetTimestepRange",
    "ControlNetApply",
    "ControlNetApplyAdvanced",
    "ControlNetLoader",
    "DiffControlNetLoader",
    "DiffusersLoader",
    "DualCLIPLoader",
    "GLIGENLoader",
    "GLIGENTextBoxApply",
    "HypernetworkLoader",
    "InpaintModelConditioning",
    "LatentBlend",
    "LatentComposite",
    "LatentCrop",
    "LatentFlip",
    "LatentRotate",
    "LoadImageOutput",
    "LoadLatent",
    "SaveLatent",
    "StyleModelApply",
    "StyleModelLoader",
    "UNETLoader",
    "VAEEncodeTiled",
    "VAELoader",
    "load_custom_node",
    "unCLIPCheckpointLoader",
    "unCLIPConditioning",
}


def __getattr__(name: str) -> Any:
    """Returns the node class that ships under a name, such as `SaveImage`."""
    if node_class := NODE_CLASSES.get(name):
        return synchronous(node_class)
    if name in MISSING:
        return placeholder(f"nodes.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def common_ksampler(
    model: Any,
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Any,
    negative: Any,
    latent: dict[str, Any],
    denoise: float = 1.0,
    disable_noise: bool = False,
    start_step: int | None = None,
    last_step: int | None = None,
    force_full_denoise: bool = False,
) -> tuple[Any]:
    """Samples a latent on the mesh, and waits for it.

    Args:
        model: A model of the mesh.
        seed: Of 64 bits.
        steps: How many steps the schedule has.
        cfg: Guidance scale.
        sampler_name: A name of `comfy.samplers.KSampler.SAMPLERS`.
        scheduler: A name of `comfy.samplers.KSampler.SCHEDULERS`.
        positive: What to draw.
        negative: What not to draw.
        latent: What to begin with.
        denoise: The share of the schedule that is done.
        disable_noise: Whether no noise is added first.
        start_step: The first step that is done.
        last_step: The step before which it stops.
        force_full_denoise: Whether no noise is left at `last_step`.

    Raises:
        MeshError: A job was refused or failed.
        ValueError: The mesh has no sampler or scheduler of this name.
    """
    if refusal := refused_names(sampler_name, scheduler):
        raise ValueError(refusal)
    sampling = Sampling(
        model,
        seed,
        steps,
        cfg,
        sampler_name,
        scheduler,
        positive,
        negative,
        denoise,
        start_step or 0,
        last_step,
        add_noise=not disable_noise,
        keep_noise=last_step is not None and not force_full_denoise,
    )
    return (wait_for(lambda: samplers.sample(sampling, latent, {})),)


def interrupt_processing(value: bool = True) -> None:
    """Ends the execution of the node that runs.

    Raises:
        RunInterruptedError: A node runs.
    """
    interrupt_current_processing(value)


def before_node_execution() -> None:
    """Checks whether the execution of the node that runs is interrupted.

    Raises:
        RunInterruptedError: It is.
    """
    throw_exception_if_processing_interrupted()
