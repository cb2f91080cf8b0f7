"""Schedulers by name, made from a model's own configuration."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_edm_dpmsolver_multistep import EDMDPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_edm_euler import EDMEulerScheduler
from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_lcm import LCMScheduler

from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.request import SchedulerName
from atelier_diffusion.policy.scheduler_choice import SchedulerChoice, SchedulerFamily

_DPMPP_2M = {"algorithm_type": "dpmsolver++", "solver_order": 2, "solver_type": "midpoint", "thresholding": False}

# The noise schedule (betas or sigmas, prediction type, spacing, zero terminal SNR) is the model's. What a scheduler's
# own default would get wrong for a latent model is said here.
_CLASSES: dict[tuple[SchedulerFamily, SchedulerName], tuple[Any, dict[str, Any]]] = {
    # Its default clips the latent to [-1, 1], which only pixel models want.
    ("betas", "DDIM"): (DDIMScheduler, {"clip_sample": False, "thresholding": False}),
    ("betas", "EULER"): (EulerDiscreteScheduler, {"use_karras_sigmas": False, "timestep_type": "discrete"}),
    ("betas", "EULER_ANCESTRAL"): (EulerAncestralDiscreteScheduler, {}),
    ("betas", "DPMPP_2M"): (DPMSolverMultistepScheduler, _DPMPP_2M),
    ("edm", "EULER"): (EDMEulerScheduler, {}),
    ("edm", "DPMPP_2M"): (EDMDPMSolverMultistepScheduler, _DPMPP_2M),
    ("lcm", "LCM"): (LCMScheduler, {"clip_sample": False, "thresholding": False}),
}


def new_scheduler(name: SchedulerName, own: Any, steps: int) -> Any:
    """A scheduler with its timesteps set, for one picture: it holds a step index, so it is never shared.

    `own` is the model's. Timesteps and sigmas stay on the CPU: read on a GPU, each step would wait for the device.
    Raises `EngineError` INVALID_REQUEST for one that the model cannot be drawn with, or not in so many steps.
    """
    scheduler = _made(name, own)
    try:
        scheduler.set_timesteps(steps, device="cpu")
    except ValueError as error:
        most = scheduler.config.get("original_inference_steps")  # those that LCM was distilled from
        why = f"in at most {most}" if most else f"otherwise: {error}"
        raise EngineError("INVALID_REQUEST", f"{name} cannot draw this model in {steps} steps, but {why}") from error
    return scheduler


def pipeline_scheduler(name: SchedulerName | None, own: Any) -> Any:
    """A fresh scheduler for a pipeline that sets its timesteps itself: of that name, or as the pipeline's own is."""
    return type(own).from_config(own.config) if name is None else _made(name, own)


def choice_of(own: Any) -> SchedulerChoice:
    """What a loaded model's scheduler can be exchanged for."""
    return SchedulerChoice.read({**own.config, "_class_name": type(own).__name__})


def _made(name: SchedulerName, own: Any) -> Any:
    choice = choice_of(own)
    found = _CLASSES.get((choice.family, name))
    if found is None:
        raise EngineError("INVALID_REQUEST", f"the model draws with {' or '.join(choice.names)} only, not with {name}")
    scheduler_class, overrides = found
    return scheduler_class.from_config(dict(own.config), **overrides)


def predicted_original(scheduler: Any, output: Any) -> torch.Tensor:
    """What the finished latent is thought to be after a step: (1, C, H, W)."""
    for name in ("pred_original_sample", "denoised"):
        original: torch.Tensor | None = getattr(output, name, None)
        if original is not None:
            return original
    # DPM-Solver++ keeps its predictions of the original as history instead of answering them.
    latents: torch.Tensor = scheduler.model_outputs[-1]
    return latents
