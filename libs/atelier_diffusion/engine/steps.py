"""Steps that are told, and a stop that is obeyed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from atelier_diffusion.engine.denoising import Denoiser, Pixels, StateT
from atelier_diffusion.policy.errors import CanceledError


@dataclass(frozen=True, slots=True)
class StepReport:
    """Told after every denoising step, and once with step 0 before the first.

    `step` and `steps` count over all pictures of the request and never go back. `preview` draws a small picture of
    picture `picture_index` when it is called, and is only good until the callback returns; it is None at step 0, and
    always for a model whose latents cannot be shown cheaply.
    """

    step: int
    steps: int
    picture_index: int
    preview: Callable[[], Pixels] | None


# Hears of a step; answers False to stop.
OnStep: TypeAlias = Callable[[StepReport], bool]


def tell(on_step: OnStep, report: StepReport) -> None:
    """Raises `CanceledError` when `on_step` says so."""
    if not on_step(report):
        raise CanceledError(f"stopped after step {report.step} of {report.steps}")


def denoised(loop: Denoiser[StateT], states: list[StateT], on_step: OnStep) -> Iterator[StateT]:
    """Takes one state after the other through its steps; each is answered when it is finished."""
    steps = sum(state.steps for state in states)
    tell(on_step, StepReport(0, steps, 0, None))
    done = 0
    while states:
        state = states.pop(0)
        while state.step < state.steps:
            loop.step([state])
            done += 1
            tell(on_step, StepReport(done, steps, state.index, partial(loop.preview, state)))
        yield state
