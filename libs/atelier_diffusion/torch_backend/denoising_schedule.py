"""The denoising schedule of one picture: a scheduler of diffusers, the steps of it that are done, and noise levels.

A step of a scheduler takes one or two runs of the network. The last one of a schedule takes one in any case: it removes
what noise is left, which is the prediction of the original.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import torch

from atelier_diffusion.policy.noise_schedule import SchedulerKind
from atelier_diffusion.policy.request import DrawingRequest, ImageRequest
from atelier_diffusion.torch_backend.noise_schedulers import SchedulerTemplates, kind_of, predicted_original

_LMS_ORDER = 4


class DenoisingSchedule:
    """The steps of one picture or clip. It holds a step index, so it is never shared.

    Latents are in the scheduler's own parametrisation (see `noise_schedule.Parametrisation`).
    """

    def __init__(self, request: DrawingRequest, schedulers: SchedulerTemplates, seed: int) -> None:
        """Makes the schedule, with no step done.

        Args:
            request: The request.
            schedulers: Those of the model.
            seed: The picture's seed, for schedulers that draw their noise from a Brownian tree.

        Raises:
            EngineError: INVALID_REQUEST, the model cannot be drawn with this scheduler, or not in so many steps.
        """
        total, first, last, keeps_noise, sigmas = request.steps, 0, request.steps, False, None
        if isinstance(request, ImageRequest):
            total, sigmas = request.schedule_steps, request.sigmas
            first, last = total - request.steps + request.start_step, total - request.steps + request.end
            keeps_noise = request.keep_noise and last < total
        self._kind: SchedulerKind = kind_of(request.scheduler, schedulers.own)
        self._scheduler = schedulers.copy(request.scheduler, total, sigmas)
        self._steps = last - first
        self._is_whole = first == 0
        runs = self._kind.evaluations
        # A step that removes all noise takes one run of the network; the timesteps end with such a step.
        self._begin = self._run = runs * first
        self._end = self._begin if first == last else runs * last - (0 if keeps_noise else runs - 1)
        self._removes_noise = not keeps_noise
        if hasattr(self._scheduler, "set_begin_index"):
            self._scheduler.set_begin_index(self._begin)
        self._takes_generator = "generator" in signature(self._scheduler.step).parameters
        self._seed = seed

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self._steps

    @property
    def step(self) -> int:
        """Steps done."""
        return self._steps if self._run >= self._end else (self._run - self._begin) // self._kind.evaluations

    @property
    def is_between_runs(self) -> bool:
        """Whether a step is begun: the network has run once of twice."""
        return self._run < self._end and (self._run - self._begin) % self._kind.evaluations != 0

    @property
    def timestep(self) -> torch.Tensor:
        """The timestep of the next run of the network, on the CPU."""
        timestep: torch.Tensor = self._scheduler.timesteps[self._run]
        return timestep

    def network_input(self, latents: torch.Tensor) -> torch.Tensor:
        """Scales latents to what the network takes in its next run."""
        scaled: torch.Tensor = self._scheduler.scale_model_input(latents, self.timestep)
        return scaled

    def advance(
        self, predicted: torch.Tensor, latents: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Applies one run of the network.

        Args:
            predicted: What the network predicted, guided.
            latents: The latents that it was run for.
            generator: Of the noise that stochastic schedulers add.

        Returns:
            The next latents, and the finished latents as predicted now.
        """
        options: dict[str, Any] = {"generator": generator} if self._takes_generator else {}
        if self._kind.class_name == "LMSDiscreteScheduler":  # it has a history of the runs done here only
            options["order"] = min(self._run - self._begin + 1, _LMS_ORDER)
        if getattr(self._scheduler, "noise_sampler", options) is None:
            self._scheduler.noise_sampler = self._brownian_noise(latents)
        output = self._scheduler.step(predicted, self.timestep, latents, **options)
        original = predicted_original(self._scheduler, output)
        self._run += 1
        is_early_end = self._run == self._end and self._removes_noise and self._end < len(self._scheduler.timesteps)
        return (original if is_early_end else output.prev_sample), original

    def begun_from_noise(self, noise: torch.Tensor) -> torch.Tensor:
        """The latents that begin with nothing but noise."""
        if not self._is_whole:
            return self.noised(torch.zeros_like(noise), noise)
        started: torch.Tensor = noise * self._scheduler.init_noise_sigma
        return started

    def noised(self, original: torch.Tensor, noise: torch.Tensor | None) -> torch.Tensor:
        """Latents at the level of the next step.

        Args:
            original: The original, or latents x + sigma n that have noise of this level already.
            noise: Noise to add; None for none.
        """
        signal, level = self._coefficients()
        return original * signal if noise is None else original * signal + noise * level

    def exported(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents of the level of the next step as x + sigma n, the form in which models exchange them."""
        signal, _ = self._coefficients()
        return latents / signal

    def _coefficients(self) -> tuple[float, float]:
        """Of the original and of the noise, at the level of the next step."""
        if not self._steps or (self._run >= self._end and self._removes_noise):
            return 1.0, 0.0
        if self._kind.parametrisation == "alphas":
            alpha = float(self._scheduler.alphas_cumprod[int(self.timestep)])
            return float(alpha**0.5), float((1 - alpha) ** 0.5)
        sigma = float(self._scheduler.sigmas[self._run])
        scale = (1 + sigma**2) ** -0.5 if self._kind.parametrisation == "preserving" else 1.0
        return scale, sigma * scale

    def _brownian_noise(self, latents: torch.Tensor) -> Callable[..., torch.Tensor]:
        """Noise between two sigmas, drawn on the CPU so that a seed means the same on every device."""
        from diffusers.schedulers.scheduling_dpmsolver_sde import BrownianTreeNoiseSampler

        sigmas = self._scheduler.sigmas
        least, most = float(sigmas[sigmas > 0].min()), float(sigmas.max())
        draws: Any = BrownianTreeNoiseSampler(torch.zeros(latents.shape), least, most, self._seed)
        # The tree rounds its bounds, and the scheduler computes sigmas by logarithms: some are just outside.
        bounds = (round(least, 6), round(most, 6))

        def noise(*sigmas: torch.Tensor) -> torch.Tensor:
            drawn: torch.Tensor = draws(*(sigma.double().clamp(*bounds) for sigma in sigmas))
            return drawn.to(latents.device)

        return noise
