"""Sampler names: ComfyUI's samplers and schedulers, and the image service's words for them."""

from __future__ import annotations

# What ComfyUI calls a sampler is a scheduler of diffusers; what it calls a scheduler spaces the noise levels.
SCHEDULER_OF: dict[str, str] = {
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
SIGMAS_OF: dict[str, str] = {
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


def refused_names(sampler_name: str | None, scheduler: str | None) -> str:
    """Why the image service cannot sample so, as a sentence; empty if it can.

    Args:
        sampler_name: ComfyUI's name; None where a link brings it.
        scheduler: ComfyUI's name; None where a link brings it.
    """
    if sampler_name is not None and sampler_name not in SCHEDULER_OF:
        return f"the image service has no sampler {sampler_name!r}; it has {', '.join(SAMPLERS)}"
    if scheduler is not None and scheduler not in SIGMAS_OF:
        return f"the image service has no scheduler {scheduler!r}; it has {', '.join(SCHEDULERS)}"
    return ""
