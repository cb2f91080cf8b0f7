"""The port between the engine's policy and the mechanism that owns torch. What draws whole clips: `clip_model`.

One picture, or one clip, is one state; a step runs the network once for the states given. Which states go into a step
together is the caller's decision: nothing here assumes that they belong to one request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from atelier_diffusion.policy.prompt_tokens import PromptTokens
from atelier_diffusion.policy.request import ImageRequest

# Height × width × 3, uint8, sRGB.
Pixels = NDArray[np.uint8]

# Frames × height × width × 3, uint8, sRGB.
Frames = NDArray[np.uint8]


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
class Picture:
    """A finished picture. `seed` makes it again, alone, with the same model revision."""

    index: int
    seed: int
    pixels: Pixels
    model_id: str
    model_revision: str
    tokens: PromptTokens | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class FrameChunk:
    """Finished frames of a clip that follow one another; the first is frame `first_index`, counted from 0."""

    first_index: int
    pixels: Frames


@dataclass(frozen=True, slots=True)
class Clip:
    """A finished clip, whose frames have been given away. `seed` makes it again, with the same model revision."""

    seed: int
    frames: int
    model_id: str
    model_revision: str
    tokens: PromptTokens | None = field(default=None, compare=False)
