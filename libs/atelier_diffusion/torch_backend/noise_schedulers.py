"""Noise schedulers by name, made from the configuration of a model's own one."""

from __future__ import annotations

import warnings
from copy import deepcopy
from functools import lru_cache, partial
from inspect import signature
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin

from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.noise_schedule import KINDS, SchedulerKind, Spacing, refused_sigmas
from atelier_diffusion.policy.request import SchedulerName, SigmasName
from atelier_diffusion.policy.scheduler_choice import SchedulerChoice

# Bounds of the sigmas of models with zero terminal SNR, whose first one is infinite: noise enough in either case.
_MOST_SIGMA = 160.0
_MOST_SIGMA_SPACED = 40.0

_TEMPLATES = 32

# Parameters of the beta distribution, from the paper.
_BETA = (0.6, 0.6)


class SchedulerTemplates:
    """The schedulers that one model was drawn with lately: copies of them are made a hundred times faster."""

    def __init__(self, own: Any) -> None:
        """Makes none yet; `own` is the model's own scheduler."""
        self.own = own
        self._template = lru_cache(_TEMPLATES)(partial(new_scheduler, own=own))

    def copy(self, name: SchedulerName, steps: int, sigmas: SigmasName | None) -> Any:
        """A scheduler for one picture; see `new_scheduler`."""
        return deepcopy(self._template(name, steps=steps, sigmas=sigmas))


def new_scheduler(name: SchedulerName, own: Any, steps: int, sigmas: SigmasName | None = None) -> Any:
    """Makes a scheduler with its timesteps set, for one picture: it holds a step index, so it is never shared.

    Timesteps and sigmas stay on the CPU: on a GPU, reading them in each step would wait for the device.

    Args:
        name: The scheduler.
        own: The model's own scheduler.
        steps: Denoising steps of the whole schedule.
        sigmas: The spacing of the noise levels; None means the model's own.

    Raises:
        EngineError: INVALID_REQUEST, the model cannot be drawn with it, or not in so many steps.
    """
    kind = kind_of(name, own)
    spacing = _spacing(name, own, sigmas)
    scheduler = _new(kind, own, spacing)
    most = scheduler.config.get("original_inference_steps")  # those that LCM was distilled from
    most = most or scheduler.config.num_train_timesteps
    if steps > most:
        raise EngineError("INVALID_REQUEST", f"{name} cannot draw this model in {steps} steps, but in at most {most}")
    try:
        if spacing.timesteps:
            scheduler.set_timesteps(device="cpu", timesteps=_timesteps(spacing, scheduler, steps))
        else:
            scheduler.set_timesteps(steps, device="cpu")
    except ValueError as error:
        raise EngineError("INVALID_REQUEST", f"{name} cannot draw this model in {steps} steps: {error}") from error
    if spacing.is_borrowed:
        lender = new_scheduler("EULER", own, steps, sigmas)
        scheduler.sigmas, scheduler.timesteps = lender.sigmas, lender.timesteps
    return scheduler


def kind_of(name: SchedulerName, own: Any) -> SchedulerKind:
    """The class of diffusers that draws a model with the scheduler of that name.

    Args:
        name: The scheduler.
        own: The model's own scheduler.

    Raises:
        EngineError: INVALID_REQUEST, the model cannot be drawn with it.
    """
    choice = choice_of(own)
    found = KINDS.get((choice.family, name))
    if found is None:
        raise EngineError("INVALID_REQUEST", f"the model draws with {' or '.join(choice.names)} only, not with {name}")
    return found


def pipeline_scheduler(name: SchedulerName | None, own: Any, seed: int) -> Any:
    """Makes a scheduler for a pipeline that sets the timesteps itself.

    Args:
        name: The scheduler; None means one like the pipeline's own.
        own: The pipeline's own scheduler.
        seed: Seed of noise that a scheduler draws from a Brownian tree and not from the pipeline's generator.

    Raises:
        EngineError: INVALID_REQUEST, the model cannot be drawn with it.
    """
    made: Any = type(own).from_config(own.config) if name is None else _new(kind_of(name, own), own, Spacing())
    if hasattr(made, "noise_sampler_seed"):
        made.noise_sampler_seed = seed
        # The tree rounds its bounds, and says so in plain text where a sigma is just outside.
        warnings.filterwarnings("ignore", "Should have t[ab]", UserWarning)
    return made


def choice_of(own: Any) -> SchedulerChoice:
    """Which schedulers can replace a loaded model's own one."""
    return SchedulerChoice.read({**own.config, "_class_name": type(own).__name__})


def predicted_original(scheduler: Any, output: Any) -> torch.Tensor:
    """The finished latent as predicted by the last step: (frames, channels, height, width)."""
    for name in ("pred_original_sample", "denoised"):
        original: torch.Tensor | None = getattr(output, name, None)
        if original is not None:
            return original
    # DPM-Solver++ and UniPC store their predictions of the original as history instead of returning them.
    latents: torch.Tensor = scheduler.model_outputs[-1]
    return latents


def _spacing(name: SchedulerName, own: Any, sigmas: SigmasName | None) -> Spacing:
    if sigmas is None:
        return Spacing()
    family = choice_of(own).family
    refused = refused_sigmas(name, sigmas, family)
    if refused:
        raise EngineError("INVALID_REQUEST", refused)
    return KINDS[family, name].spacings[sigmas]


def _new(kind: SchedulerKind, own: Any, spacing: Spacing) -> Any:
    scheduler_class: type[SchedulerMixin] = getattr(diffusers, kind.class_name)  # imported at its first use
    options = {**kind.options, **spacing.options}
    if own.config.get("rescale_betas_zero_snr"):
        options |= _bounded(scheduler_class, own, spacing)
    made: Any = scheduler_class
    return made.from_config(dict(own.config), **options)


def _bounded(scheduler_class: Any, own: Any, spacing: Spacing) -> dict[str, Any]:
    """Betas of a zero-terminal-SNR model whose largest sigma is bounded.

    They are for schedulers of diffusers that cannot rescale betas themselves, and for levels that are spaced by sigma:
    those would be wasted on the way from infinity.
    """
    parameters = signature(scheduler_class.__init__).parameters
    if "trained_betas" not in parameters:
        return {}
    if not spacing.by_sigma and "rescale_betas_zero_snr" in parameters:
        return {}
    most = _MOST_SIGMA_SPACED if spacing.by_sigma else _MOST_SIGMA
    least = 1 / (1 + most**2)
    alphas = torch.as_tensor(own.alphas_cumprod, dtype=torch.float64)
    alphas = alphas + (1 - alphas) * least  # not clamped: sigmas must go on rising for timesteps to be found by them
    betas = 1 - alphas / torch.cat([torch.ones(1, dtype=torch.float64), alphas[:-1]])
    return {"trained_betas": betas.tolist(), "rescale_betas_zero_snr": False}


def _timesteps(spacing: Spacing, scheduler: Any, steps: int) -> list[float]:
    first = scheduler.config.num_train_timesteps - 1
    if spacing.timesteps == "beta":
        from scipy.special import betaincinv  # imported where it is used: most requests do without

        quantiles = 1 - np.arange(steps) / steps
        return [float(timestep) for timestep in first * betaincinv(*_BETA, quantiles)]
    evenly = np.linspace(first, 0, steps) if spacing.timesteps == "to_last" else np.linspace(first, 0, steps + 1)[:-1]
    return [int(timestep) for timestep in evenly.round()]
