"""Noise schedules: the noise levels that the steps go through, and the classes of diffusers that implement schedulers.

A table of facts: which schedulers and which sigmas go together, and by which options of diffusers they are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

from atelier_diffusion.policy.request import SCHEDULERS, SIGMAS, SchedulerName, SigmasName

# The spacings of the noise levels (`SigmasName`):
#   NORMAL        timesteps evenly from the first to the last one of training
#   KARRAS        Karras et al. (2022), rho 7
#   EXPONENTIAL   evenly in the logarithm of sigma
#   SGM_UNIFORM   timesteps evenly from the first one, the last one left out
#   SIMPLE        timesteps evenly by their distance to the first one ("trailing" in diffusers)
#   DDIM_UNIFORM  timesteps evenly by whole numbers, from the last one ("leading" in diffusers)
#   BETA          timesteps by the quantiles of a beta distribution (Lee et al., 2024); of DPMPP_SDE, which takes no
#                 timesteps, sigmas, as diffusers has it

# Families of schedulers that parametrise noise in the same way: within one, schedulers are interchangeable.
#   betas  the noise schedule of Stable Diffusion: a table of betas
#   edm    that of Karras et al. (2022), with inputs and outputs scaled by its own rule (Playground 2.5)
#   lcm    latent consistency models, distilled for few steps
#   own    any other: only a pipeline's own call draws with it
SchedulerFamily = Literal["betas", "edm", "lcm", "own"]

# How a noisy latent is made of an original x and noise n at the level sigma:
#   exploding   x + sigma n
#   preserving  (x + sigma n) / sqrt(1 + sigma²), whose variance is that of n
#   alphas      as preserving, with sigma read from the table of alphas at an integer timestep
Parametrisation = Literal["exploding", "preserving", "alphas"]


@dataclass(frozen=True, slots=True)
class Spacing:
    """How a scheduler of diffusers is brought to one spacing of its noise levels.

    Attributes:
        options: Options of the scheduler's configuration.
        timesteps: Timesteps to set instead of a number of steps; None for the number.
        by_sigma: Whether the levels are spaced between the largest and the smallest sigma, not by timesteps.
        is_borrowed: The levels are those of Euler's scheduler: this one has no option for them.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    timesteps: Literal["to_last", "before_last", "beta"] | None = None
    by_sigma: bool = False
    is_borrowed: bool = False


@dataclass(frozen=True, slots=True)
class SchedulerKind:
    """The class of diffusers that implements a scheduler.

    Attributes:
        class_name: The class.
        parametrisation: That of its latents.
        evaluations: Runs of the network in one step, except in one that ends without noise, which takes one.
        options: What its own defaults would get wrong for a latent model.
        spacings: By the name of the sigmas.
    """

    class_name: str
    parametrisation: Parametrisation
    evaluations: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    spacings: Mapping[SigmasName, Spacing] = field(default_factory=dict)


_LINSPACE = {"timestep_spacing": "linspace"}
_NO_FLAGS = {"use_karras_sigmas": False, "use_exponential_sigmas": False, "use_beta_sigmas": False}

_FLAGS: dict[SigmasName, Spacing] = {
    "KARRAS": Spacing({**_LINSPACE, **_NO_FLAGS, "use_karras_sigmas": True}, by_sigma=True),
    "EXPONENTIAL": Spacing({**_LINSPACE, **_NO_FLAGS, "use_exponential_sigmas": True}, by_sigma=True),
    "BETA": Spacing({**_LINSPACE, **_NO_FLAGS, "use_beta_sigmas": True}, by_sigma=True),
}
_SPACINGS: dict[SigmasName, Spacing] = {
    "NORMAL": Spacing({**_LINSPACE, **_NO_FLAGS}),
    "SIMPLE": Spacing({"timestep_spacing": "trailing", **_NO_FLAGS}),
    "DDIM_UNIFORM": Spacing({"timestep_spacing": "leading", "steps_offset": 1, **_NO_FLAGS}),
}
_TIMESTEPS: dict[SigmasName, Spacing] = {
    "SGM_UNIFORM": Spacing(dict(_NO_FLAGS), "before_last"),
    "BETA": Spacing(dict(_NO_FLAGS), "beta"),
}
# They take no timesteps, and BETA by sigmas leaves them too few low levels.
_MIDPOINT: dict[SigmasName, Spacing] = {**_FLAGS, **_SPACINGS}
del _MIDPOINT["BETA"]
_BORROWED = Spacing(is_borrowed=True)
# "linspace" of diffusers' multistep schedulers leaves the last timestep out.
_MULTISTEP: dict[SigmasName, Spacing] = {
    **_FLAGS, **_SPACINGS, "SGM_UNIFORM": _SPACINGS["NORMAL"], "BETA": _BORROWED,
}  # fmt: skip
_DPMPP: dict[SigmasName, Spacing] = {**_MULTISTEP, "NORMAL": Spacing(dict(_NO_FLAGS), "to_last")}
_INTEGERS: dict[SigmasName, Spacing] = {
    "NORMAL": Spacing(_LINSPACE),
    "SIMPLE": Spacing({"timestep_spacing": "trailing"}),
    "DDIM_UNIFORM": Spacing({"timestep_spacing": "leading", "steps_offset": 1}),
}
_EDM: dict[SigmasName, Spacing] = {
    "KARRAS": Spacing({"sigma_schedule": "karras"}),
    "EXPONENTIAL": Spacing({"sigma_schedule": "exponential"}),
}

# Their defaults clip the latent to [-1, 1], which only pixel models want.
_UNCLIPPED = {"clip_sample": False, "thresholding": False}
_DPMPP_2M = {"algorithm_type": "dpmsolver++", "solver_order": 2, "solver_type": "midpoint", "thresholding": False}

# The noise schedule (betas or sigmas, prediction type, zero terminal SNR) is the model's, and so is the spacing unless
# a request names one.
KINDS: Mapping[tuple[SchedulerFamily, SchedulerName], SchedulerKind] = MappingProxyType({
    ("betas", "DDIM"): SchedulerKind("DDIMScheduler", "alphas", 1, _UNCLIPPED, _INTEGERS),
    ("betas", "EULER"): SchedulerKind(
        "EulerDiscreteScheduler", "exploding", 1, {"use_karras_sigmas": False, "timestep_type": "discrete"},
        {**_FLAGS, **_SPACINGS, **_TIMESTEPS},
    ),
    ("betas", "EULER_ANCESTRAL"): SchedulerKind(
        "EulerAncestralDiscreteScheduler", "exploding", 1, {},
        {
            **_INTEGERS, "KARRAS": _BORROWED, "EXPONENTIAL": _BORROWED, "BETA": _BORROWED, "SGM_UNIFORM": _BORROWED,
        },
    ),
    ("betas", "DPMPP_2M"): SchedulerKind("DPMSolverMultistepScheduler", "preserving", 1, _DPMPP_2M, _DPMPP),
    ("betas", "DPMPP_2M_SDE"): SchedulerKind(
        "DPMSolverMultistepScheduler", "preserving", 1, {**_DPMPP_2M, "algorithm_type": "sde-dpmsolver++"}, _DPMPP,
    ),
    ("betas", "DPMPP_SDE"): SchedulerKind(
        "DPMSolverSDEScheduler", "exploding", 2, {}, {**_FLAGS, **_SPACINGS},
    ),
    ("betas", "HEUN"): SchedulerKind(
        "HeunDiscreteScheduler", "exploding", 2, {"clip_sample": False}, {**_FLAGS, **_SPACINGS, **_TIMESTEPS},
    ),
    ("betas", "DPM2"): SchedulerKind("KDPM2DiscreteScheduler", "exploding", 2, {}, _MIDPOINT),
    ("betas", "DPM2_ANCESTRAL"): SchedulerKind(
        "KDPM2AncestralDiscreteScheduler", "exploding", 2, {}, _MIDPOINT,
    ),
    ("betas", "LMS"): SchedulerKind(
        "LMSDiscreteScheduler", "exploding", 1, {},
        {**_FLAGS, **_SPACINGS, "SGM_UNIFORM": _BORROWED, "BETA": _BORROWED},
    ),
    ("betas", "UNIPC"): SchedulerKind(
        "UniPCMultistepScheduler", "preserving", 1, {"thresholding": False, "predict_x0": True},
        {**_MULTISTEP, "NORMAL": _BORROWED},
    ),
    ("betas", "DDPM"): SchedulerKind(
        "DDPMScheduler", "alphas", 1, {**_UNCLIPPED, "variance_type": "fixed_small"},
        {**_INTEGERS, "SGM_UNIFORM": Spacing(timesteps="before_last")},
    ),
    ("edm", "EULER"): SchedulerKind("EDMEulerScheduler", "exploding", 1, {}, _EDM),
    ("edm", "DPMPP_2M"): SchedulerKind("EDMDPMSolverMultistepScheduler", "exploding", 1, _DPMPP_2M, _EDM),
    ("lcm", "LCM"): SchedulerKind(
        "LCMScheduler", "alphas", 1, _UNCLIPPED, {"SGM_UNIFORM": Spacing(timesteps="before_last")},
    ),
})  # fmt: skip


def schedulers_of(family: SchedulerFamily) -> tuple[SchedulerName, ...]:
    """The schedulers that a model of that family can be drawn with."""
    return tuple(name for name in SCHEDULERS if (family, name) in KINDS)


def family_of(schedulers: tuple[SchedulerName, ...]) -> SchedulerFamily:
    """The family whose schedulers those of a model card are; `own` for any others."""
    families: tuple[SchedulerFamily, ...] = get_args(SchedulerFamily)
    return next((family for family in families if schedulers and schedulers_of(family) == schedulers), "own")


def sigmas_of(name: SchedulerName, family: SchedulerFamily = "betas") -> tuple[SigmasName, ...]:
    """The sigmas that a scheduler goes with; none for a scheduler that the family lacks."""
    kind = KINDS.get((family, name))
    return tuple(sigmas for sigmas in SIGMAS if kind is not None and sigmas in kind.spacings)


def evaluations_of(name: SchedulerName) -> int:
    """Runs of the network in one step of a scheduler."""
    return max((kind.evaluations for (_, known), kind in KINDS.items() if known == name), default=1)


def refused_sigmas(name: SchedulerName, sigmas: SigmasName, family: SchedulerFamily = "betas") -> str:
    """Why a scheduler does not go with sigmas, as a sentence for the caller; empty where it does."""
    known = sigmas_of(name, family)
    if sigmas in known:
        return ""
    takes = f"with {', '.join(known)} only" if known else "with the model's own sigmas only"
    return f"{name} draws {takes}, not with {sigmas}"
