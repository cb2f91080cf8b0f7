"""The samplers that draw right pictures with the demo model, and what each needs beside its configuration."""

from collections.abc import Mapping
from typing import Any

from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_utils import SchedulerMixin

SCHEDULERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "DDIM": (DDIMScheduler, {}),
    "Euler": (EulerDiscreteScheduler, {}),
    "Euler ancestral": (EulerAncestralDiscreteScheduler, {}),
    "DPM++ 2M": (DPMSolverMultistepScheduler, {}),
}


def build_sampler(name: str, config: Mapping[str, Any]) -> SchedulerMixin:
    """Make a named sampler of a model's scheduler configuration."""
    kind, overrides = SCHEDULERS[name]
    sampler: SchedulerMixin = kind.from_config(config, **overrides)
    return sampler
