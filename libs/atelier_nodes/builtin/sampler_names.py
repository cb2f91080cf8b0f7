"""Sampler names: ComfyUI's samplers and schedulers, and their names in the image service."""

from __future__ import annotations

from typing import cast

from atelier_diffusion.policy.noise_schedule import SchedulerFamily, refused_sigmas
from atelier_diffusion.policy.request import SchedulerName, SigmasName

# What ComfyUI calls a sampler is a scheduler of diffusers; what it calls a scheduler spaces the noise levels.
SCHEDULER_OF: dict[str, SchedulerName] = {
    "euler": "EULER",
    "euler_ancestral": "EULER_ANCESTRAL",
    "heun": "HEUN",
    "dpm_2": "DPM2",
    "dpm_2_ancestral": "DPM2_ANCESTRAL",
    "lms": "LMS",
    "dpmpp_sde": "DPMPP_SDE",
    "dpmpp_sde_gpu": "DPMPP_SDE",
    "dpmpp_2m": "DPMPP_2M",
    "dpmpp_2m_sde": "DPMPP_2M_SDE",
    "dpmpp_2m_sde_gpu": "DPMPP_2M_SDE",
    "ddpm": "DDPM",
    "lcm": "LCM",
    "ddim": "DDIM",
    "uni_pc": "UNIPC",
    "uni_pc_bh2": "UNIPC",
}
SIGMAS_OF: dict[str, SigmasName] = {
    "normal": "NORMAL",
    "karras": "KARRAS",
    "exponential": "EXPONENTIAL",
    "sgm_uniform": "SGM_UNIFORM",
    "simple": "SIMPLE",
    "ddim_uniform": "DDIM_UNIFORM",
    "beta": "BETA",
}

SAMPLERS = tuple(SCHEDULER_OF)
SCHEDULERS = tuple(SIGMAS_OF)


def sampler_parameters(sampler_name: str, scheduler: str) -> dict[str, str]:
    """The image service's `scheduler` and `sigmas` for ComfyUI's two names; see `refused_names`."""
    name, sigmas = SCHEDULER_OF[sampler_name], SIGMAS_OF[scheduler]
    if name == "DDIM" and _refused(name, sigmas):
        # Without noise of its own DDIM is Euler's method, which takes any noise levels.
        name = "EULER"
    return {"scheduler": name, "sigmas": sigmas}


def refused_names(sampler_name: str | None, scheduler: str | None) -> str:
    """Returns an error text if the image service does not support the names; empty if it does.

    Args:
        sampler_name: ComfyUI's name; None where a link brings it.
        scheduler: ComfyUI's name; None where a link brings it.
    """
    if sampler_name is not None and sampler_name not in SCHEDULER_OF:
        return f"the image service has no sampler {sampler_name!r}; it has {', '.join(SAMPLERS)}"
    if scheduler is not None and scheduler not in SIGMAS_OF:
        return f"the image service has no scheduler {scheduler!r}; it has {', '.join(SCHEDULERS)}"
    if sampler_name is None or scheduler is None:
        return ""
    asked = sampler_parameters(sampler_name, scheduler)
    if not _refused(asked["scheduler"], asked["sigmas"]):
        return ""
    known = [other for other in SCHEDULERS if not _refused(asked["scheduler"], SIGMAS_OF[other])]
    return f"the sampler {sampler_name} goes with the scheduler {', '.join(known)}, not with {scheduler}"


def _refused(name: str, sigmas: str) -> str:
    family: SchedulerFamily = "lcm" if name == "LCM" else "betas"
    return refused_sigmas(cast(SchedulerName, name), cast(SigmasName, sigmas), family)
