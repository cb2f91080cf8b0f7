"""Noise schedulers by name, made from the configuration of a model's own one."""

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

# The noise schedule (betas or sigmas, prediction type, spacing, zero terminal SNR) is the model's. Set here is what a
# scheduler's own default would get wrong for a latent model.
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
    """Makes a scheduler with its timesteps set, for one picture: it holds a step index, so it is never shared.

    Timesteps and sigmas stay on the CPU: on a GPU, reading them in each step would wait for the device.

    Args:
        name: The scheduler.
        own: The model's own scheduler.
        steps: Denoising steps.

    Raises:
        EngineError: INVALID_REQUEST, the model cannot be drawn with it, or not in so many steps.
    """
    scheduler = _new(name, own)
    try:
        scheduler.set_timesteps(steps, device="cpu")
    except ValueError as error:
        most = scheduler.config.get("original_inference_steps")  # those that LCM was distilled from
        why = f"in at most {most}" if most else f"otherwise: {error}"
        raise EngineError("INVALID_REQUEST", f"{name} cannot draw this model in {steps} steps, but {why}") from error
    return scheduler


def pipeline_scheduler(name: SchedulerName | None, own: Any) -> Any:
    """Makes a scheduler for a pipeline that sets the timesteps itself.

    Args:
        name: The scheduler; None means one like the pipeline's own.
        own: The pipeline's own scheduler.

    Raises:
        EngineError: INVALID_REQUEST, the model cannot be drawn with it.
    """
    return type(own).from_config(own.config) if name is None else _new(name, own)


def choice_of(own: Any) -> SchedulerChoice:
    """Which schedulers can replace a loaded model's own one."""
    return SchedulerChoice.read({**own.config, "_class_name": type(own).__name__})


def _new(name: SchedulerName, own: Any) -> Any:
    choice = choice_of(own)
    found = _CLASSES.get((choice.family, name))
    if found is None:
        raise EngineError("INVALID_REQUEST", f"the model draws with {' or '.join(choice.names)} only, not with {name}")
    scheduler_class, overrides = found
    return scheduler_class.from_config(dict(own.config), **overrides)


def predicted_original(scheduler: Any, output: Any) -> torch.Tensor:
    """The finished latent as predicted by the last step: (frames, channels, height, width)."""
    for name in ("pred_original_sample", "denoised"):
        original: torch.Tensor | None = getattr(output, name, None)
        if original is not None:
            return original
    # DPM-Solver++ stores its predictions of the original as history instead of returning them.
    latents: torch.Tensor = scheduler.model_outputs[-1]
    return latents
