"""The denoising loop, and its port: what the engine requires of a loaded model that draws pictures step by step.

One picture, or one clip, is one state; a step runs the network once for the states given. Which states go into a step
together is the caller's decision: nothing here assumes that they belong to one request. The port for models that draw
whole clips is in `clip_model`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias, TypeVar

from atelier_diffusion.engine.results import Latent, Pixels
from atelier_diffusion.policy.errors import CanceledError
from atelier_diffusion.policy.prompt_tokens import PromptTokens
from atelier_diffusion.policy.request import ImageRequest


class DenoisingState(Protocol):
    """A picture or a clip between its first and its last denoising step."""

    @property
    def index(self) -> int:
        """Place among the request's pictures, from 0."""
        ...

    @property
    def seed(self) -> int: ...

    @property
    def step(self) -> int:
        """Denoising steps done."""
        ...

    @property
    def steps(self) -> int:
        """Denoising steps in all."""
        ...


StateT = TypeVar("StateT", bound=DenoisingState)
StateT_contra = TypeVar("StateT_contra", bound=DenoisingState, contravariant=True)


class Denoiser(Protocol[StateT_contra]):
    """A loaded model that takes states through their steps. Not thread-safe: one thread at a time.

    Every method raises `EngineError` OUT_OF_MEMORY when the device's memory is exhausted.
    """

    def step(self, states: Sequence[StateT_contra]) -> None:
        """Runs the network once for the states; each goes on by one denoising step, or by half of one where its
        scheduler runs the network twice a step.

        Args:
            states: States of one size, each with steps left to do.
        """
        ...

    def preview(self, state: StateT_contra) -> Pixels:
        """Draws what the finished picture (of a clip: its middle frame) will look like.

        Args:
            state: A state with at least one step done.

        Returns:
            A picture of at most 128 by 128 px.

        Raises:
            EngineError: NUMERICAL_FAILURE, the latents overflowed.
        """
        ...

    @property
    def memory_bytes(self) -> int:
        """Memory that the weights take."""
        ...

    def close(self) -> None:
        """Releases the model's memory; the object must not be used afterwards."""
        ...


class DenoisingLoop(Denoiser[StateT], Protocol[StateT]):
    """A loaded model that draws pictures."""

    def prepare(self, request: ImageRequest) -> list[StateT]:
        """Encodes the prompt and what the request begins with, and draws the noise.

        Returns:
            One state for each picture of the request, with no step done.

        Raises:
            EngineError: INVALID_REQUEST, the model cannot be drawn with the scheduler, the sigmas or the latent.
        """
        ...

    def count_tokens(self, request: ImageRequest) -> PromptTokens | None:
        """Counts how much of the prompts `prepare` reads; None where that is unknown."""
        ...

    def decode(self, state: StateT) -> Pixels:
        """Decodes a state whose steps are all done.

        Raises:
            EngineError: NUMERICAL_FAILURE, the latents overflowed.
        """
        ...

    def latent(self, state: StateT) -> Latent:
        """The latent of a state whose steps are all done.

        Raises:
            EngineError: NUMERICAL_FAILURE, the latents overflowed; INVALID_REQUEST, their format is not known.
        """
        ...


@dataclass(frozen=True, slots=True)
class StepReport:
    """The progress of a request: made after every denoising step, and once with step 0 before the first.

    Attributes:
        step: Steps done, over all pictures of the request; never decreases.
        steps: Steps in all, over all pictures of the request.
        picture_index: The picture that the step was for.
        preview: Draws a small picture of it; valid until the callback returns. None at step 0, and for models whose
            latents cannot be shown cheaply.
    """

    step: int
    steps: int
    picture_index: int
    preview: Callable[[], Pixels] | None


OnStep: TypeAlias = Callable[[StepReport], bool]
"""Receives each report; returns False to cancel the request."""


def report_step(on_step: OnStep, report: StepReport) -> None:
    """Passes a report to its receiver.

    Raises:
        CanceledError: The receiver cancelled the request.
    """
    if not on_step(report):
        raise CanceledError(f"stopped after step {report.step} of {report.steps}")


def denoised(loop: Denoiser[StateT], states: list[StateT], on_step: OnStep) -> Iterator[StateT]:
    """Takes states through all their steps, one state after the other.

    Args:
        loop: The model.
        states: Is emptied, so that a finished state's memory is free once the caller has dropped it.
        on_step: Receives every step of every state.

    Yields:
        Each state once its steps are done.

    Raises:
        CanceledError: `on_step` returned False.
        EngineError: OUT_OF_MEMORY.
    """
    steps = sum(state.steps for state in states)
    report_step(on_step, StepReport(0, steps, 0, None))
    done = 0
    while states:
        state = states.pop(0)
        while state.step < state.steps:
            before = state.step
            loop.step([state])
            if state.step == before:
                continue
            done += 1
            report_step(on_step, StepReport(done, steps, state.index, partial(loop.preview, state)))
        yield state
