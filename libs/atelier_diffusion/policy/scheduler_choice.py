"""Which schedulers a model can be drawn with, told by the configuration of its own one. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from atelier_diffusion.policy.request import SchedulerName

# Who knows noise in the same way: inside of a family one scheduler can take the place of another.
#   betas  the noise schedule of Stable Diffusion: a table of betas
#   edm    that of Karras et al. (2022), with inputs and outputs scaled by its own rule (Playground 2.5)
#   lcm    latent consistency models, distilled for few steps
#   own    any other: only a pipeline's own call draws with it
SchedulerFamily = Literal["betas", "edm", "lcm", "own"]

# Classes of diffusers that do what one of our names says.
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

# The names that draw with any model of Stable Diffusion's noise schedule.
BETAS_SCHEDULERS: tuple[SchedulerName, ...] = ("DDIM", "EULER", "EULER_ANCESTRAL", "DPMPP_2M")
_OF_FAMILY: dict[SchedulerFamily, tuple[SchedulerName, ...]] = {
    "betas": BETAS_SCHEDULERS,
    "edm": ("EULER", "DPMPP_2M"),
    "lcm": ("LCM",),
}


@dataclass(frozen=True, slots=True)
class SchedulerChoice:
    """`own` is the name that the model's own scheduler goes by, None if it has none; `names` are all that may be asked
    for, none where nothing is known."""

    family: SchedulerFamily
    own: SchedulerName | None
    names: tuple[SchedulerName, ...]

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> SchedulerChoice:
        """From `scheduler_config.json`."""
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
        return cls(family, own, _OF_FAMILY.get(family) or ((own,) if own else ()))
