"""Schedulers by name, made from a model's own configuration."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler

from atelier_diffusion.request import SchedulerName

# The noise schedule (betas, prediction type, spacing, zero terminal SNR) is the model's. What a scheduler's own
# default would get wrong for a latent model is said here.
_CLASSES: dict[SchedulerName, tuple[Any, dict[str, Any]]] = {
    # Its default clips the latent to [-1, 1], which only pixel models want.
    "DDIM": (DDIMScheduler, {"clip_sample": False, "thresholding": False}),
    "EULER": (EulerDiscreteScheduler, {"use_karras_sigmas": False, "timestep_type": "discrete"}),
    "EULER_ANCESTRAL": (EulerAncestralDiscreteScheduler, {}),
    "DPMPP_2M": (
        DPMSolverMultistepScheduler,
        {"algorithm_type": "dpmsolver++", "solver_order": 2, "solver_type": "midpoint", "thresholding": False},
    ),
}


def new_scheduler(name: SchedulerName, model_config: dict[str, Any], steps: int) -> Any:
    """A scheduler with its timesteps set, for one picture: it holds a step index, so it is never shared.

    `model_config` is that of the model's own scheduler. Timesteps and sigmas stay on the CPU: read on a GPU, each
    step would wait for the device.
    """
    scheduler = _made(name, model_config)
    scheduler.set_timesteps(steps, device="cpu")
    return scheduler


def pipeline_scheduler(name: SchedulerName | None, own: Any) -> Any:
    """A fresh scheduler for a pipeline that sets its timesteps itself: of that name, or as the pipeline's own is."""
    return type(own).from_config(own.config) if name is None else _made(name, dict(own.config))


def _made(name: SchedulerName, model_config: dict[str, Any]) -> Any:
    scheduler_class, overrides = _CLASSES[name]
    return scheduler_class.from_config(model_config, **overrides)


def predicted_original(scheduler: Any, output: Any) -> torch.Tensor:
    """What the finished latent is thought to be after a step: (1, C, H, W)."""
    original = getattr(output, "pred_original_sample", None)
    # DPM-Solver++ keeps its predictions of the original as history instead of answering them.
    latents: torch.Tensor = scheduler.model_outputs[-1] if original is None else original
    return latents
