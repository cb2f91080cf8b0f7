"""The port between the engine for clips and a loaded model, however that denoises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from atelier_diffusion.engine.denoising import OnStep
from atelier_diffusion.engine.results import Frames
from atelier_diffusion.policy.prompt_tokens import PromptTokens
from atelier_diffusion.policy.request import VideoRequest

# (first_index, count) → so many of the finished frames. Raises `EngineError` NUMERICAL_FAILURE, OUT_OF_MEMORY.
FrameDecoder: TypeAlias = Callable[[int, int], Frames]


class ModelFacts(Protocol):
    """What is known of a video model's clips before the model is loaded."""

    def check(self, request: VideoRequest) -> None:
        """Raises `EngineError` INVALID_REQUEST for a clip that this model cannot draw, whatever its card says."""
        ...

    def needed_bytes(self, request: VideoRequest) -> int:
        """The least memory that the clip takes, without the weights."""
        ...

    def frames_at_once(self, request: VideoRequest, free_bytes: int) -> int:
        """How many frames to take from the finished clip at once when so much is free; at least one."""
        ...


class ClipModel(Protocol):
    """A loaded model that draws clips. Not thread-safe: one thread at a time."""

    @property
    def facts(self) -> ModelFacts: ...

    @property
    def memory_bytes(self) -> int: ...

    def count_tokens(self, request: VideoRequest) -> PromptTokens | None:
        """How much of the prompts `draw` reads; None where nobody can tell."""
        ...

    def draw(self, request: VideoRequest, on_step: OnStep) -> FrameDecoder:
        """Denoises a clip that `facts` let through, telling every step; its frames come from what is answered.

        Raises `CanceledError` within one step of a stop, `EngineError` OUT_OF_MEMORY, NUMERICAL_FAILURE.
        """
        ...

    def close(self) -> None:
        """Gives the model's memory back; it is of no use afterwards."""
        ...
