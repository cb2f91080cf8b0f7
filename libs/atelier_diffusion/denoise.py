"""The port between the engine's policy and the mechanism that owns torch.

One picture is one state; a step runs the network once for the states given. Which states go into a step together is
the caller's decision: nothing here assumes that they belong to one request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from atelier_diffusion.request import ImageRequest

# Height × width × 3, uint8, sRGB.
Pixels = NDArray[np.uint8]


class PictureState(Protocol):
    """A picture on its way."""

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


StateT = TypeVar("StateT", bound=PictureState)


class DenoisingLoop(Protocol[StateT]):
    """A loaded model that draws. Not thread-safe: one thread at a time.

    Every method raises `EngineError` OUT_OF_MEMORY when the device's memory ends.
    """

    def prepare(self, request: ImageRequest) -> list[StateT]:
        """One state for each picture of the request: prompt encoded, noise drawn, no step done."""
        ...

    def step(self, states: Sequence[StateT]) -> None:
        """One denoising step for each of the states, in one run of the network. They must have one size."""
        ...

    def decode(self, state: StateT) -> Pixels:
        """The finished picture. Raises `EngineError` NUMERICAL_FAILURE when the numbers overflowed."""
        ...

    def preview(self, state: StateT) -> Pixels:
        """A small picture, at most 128 px wide and high, of what the finished one will look like; needs one step."""
        ...

    @property
    def memory_bytes(self) -> int: ...

    def close(self) -> None:
        """Gives the model's memory back; the loop is of no use afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture. `seed` makes it again, alone, with the same model revision."""

    index: int
    seed: int
    pixels: Pixels
    model_id: str
    model_revision: str
