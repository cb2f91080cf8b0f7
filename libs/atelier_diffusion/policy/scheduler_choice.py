"""Noise scheduler choice: which schedulers a model can be drawn with, read from its own scheduler's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from atelier_diffusion.policy.noise_schedule import SchedulerFamily, schedulers_of
from atelier_diffusion.policy.request import SchedulerName

# Classes of diffusers whose name is the default of the models that ship with them. Those that got a name later are not
# here: such a model's default would change.
_NAMES: dict[str, SchedulerName] = {
    "DDIMScheduler": "DDIM",
    "CogVideoXDDIMScheduler": "DDIM",
    "EulerDiscreteScheduler": "EULER",
    "EDMEulerScheduler": "EULER",
    "FlowMatchEulerDiscreteScheduler": "EULER",
    "EulerAncestralDiscreteScheduler": "EULER_ANCESTRAL",
    "DPMSolverMultistepScheduler": "DPMPP_2M",
    "EDMDPMSolverMultistepScheduler": "DPMPP_2M",
    "CogVideoXDPMScheduler": "DPMPP_2M",
    "LCMScheduler": "LCM",
}
_BETAS = {
    "DDIMScheduler", "DDPMScheduler", "PNDMScheduler", "LMSDiscreteScheduler", "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler", "KDPM2DiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler", "DEISMultistepScheduler", "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler", "DPMSolverSDEScheduler", "UniPCMultistepScheduler",
}  # fmt: skip
_EDM = {"EDMEulerScheduler", "EDMDPMSolverMultistepScheduler"}

# The schedulers that any model with Stable Diffusion's noise schedule can be drawn with.
BETAS_SCHEDULERS: tuple[SchedulerName, ...] = schedulers_of("betas")


@dataclass(frozen=True, slots=True)
class SchedulerChoice:
    """The schedulers of one model.

    Attributes:
        own: The name of the model's own scheduler; None if it has no name here.
        names: All that a request may name; empty where nothing is known.
    """

    family: SchedulerFamily
    own: SchedulerName | None
    names: tuple[SchedulerName, ...]

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> SchedulerChoice:
        """Reads the content of `scheduler_config.json`; an empty mapping means that nothing is known."""
        name = str(config.get("_class_name", ""))
        flows = config.get("prediction_type") == "flow_prediction" or config.get("use_flow_sigmas") is True
        is_stochastic = str(config.get("algorithm_type", "")).startswith("sde")  # DPM-Solver with fresh noise
        own = None if is_stochastic else _NAMES.get(name)
        family: SchedulerFamily = "own"
        if name in _BETAS and not flows:
            family = "betas"
        elif name in _EDM:
            family = "edm"
        elif name == "LCMScheduler":
            family = "lcm"
        return cls(family, own, schedulers_of(family) or ((own,) if own else ()))
