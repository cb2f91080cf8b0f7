"""The port between the engine's policy and the mechanism that owns torch. What draws whole clips: `clip_model`.

One picture, or one clip, is one state; a step runs the network once for the states given. Which states go into a step
together is the caller's decision: nothing here assumes that they belong to one request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias, TypeVar

from atelier_diffusion.engine.results import Pixels
from atelier_diffusion.policy.errors import CanceledError
from atelier_diffusion.policy.prompt_tokens import PromptTokens
from atelier_diffusion.policy.request import ImageRequest


class DenoisingState(Protocol):
    """A picture or a clip on its way."""

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
        """Denoising steps to do in all."""
        ...


StateT = TypeVar("StateT", bound=DenoisingState)
StateT_contra = TypeVar("StateT_contra", bound=DenoisingState, contravariant=True)


class Denoiser(Protocol[StateT_contra]):
    """A loaded model that takes states through their steps. Not thread-safe: one thread at a time.

    Every method raises `EngineError` OUT_OF_MEMORY when the device's memory ends.
    """

    def step(self, states: Sequence[StateT_contra]) -> None:
        """One denoising step for each of the states, in one run of the network. They must have one size."""
        ...

    def preview(self, state: StateT_contra) -> Pixels:
        """A small picture, at most 128 px wide and high, of what the finished one (of a clip: the frame in the middle)
        will look like; needs one step. Raises `EngineError` NUMERICAL_FAILURE when it cannot be shown."""
        ...

    @property
    def memory_bytes(self) -> int: ...

    def close(self) -> None:
        """Gives the model's memory back; the loop is of no use afterwards."""
        ...


class DenoisingLoop(Denoiser[StateT], Protocol[StateT]):
    """A loaded model that draws pictures."""

    def prepare(self, request: ImageRequest) -> list[StateT]:
        """One state for each picture of the request: prompt encoded, noise drawn, no step done."""
        ...

    def count_tokens(self, request: ImageRequest) -> PromptTokens | None:
        """How much of the prompts `prepare` reads; None where nobody can tell."""
        ...

    def decode(self, state: StateT) -> Pixels:
        """The finished picture. Raises `EngineError` NUMERICAL_FAILURE when the numbers overflowed."""
        ...


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
