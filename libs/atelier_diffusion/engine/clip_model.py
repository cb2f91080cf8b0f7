"""The port of the video engine: a loaded model that draws clips, and what is known of it before it is loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from atelier_diffusion.engine.denoising import OnStep
from atelier_diffusion.engine.results import Frames
from atelier_diffusion.policy.prompt_tokens import PromptTokens
from atelier_diffusion.policy.request import VideoRequest

FrameDecoder: TypeAlias = Callable[[int, int], Frames]
"""(first_index, count) → that many of the finished frames. Raises `EngineError` NUMERICAL_FAILURE, OUT_OF_MEMORY."""


class ModelFacts(Protocol):
    """Which clips a video model draws and how much memory they take, known before the model is loaded."""

    def check(self, request: VideoRequest) -> None:
        """Checks a request against the model's files.

        Raises:
            EngineError: INVALID_REQUEST, this model cannot draw the clip although its card admits it.
        """
        ...

    def needed_bytes(self, request: VideoRequest) -> int:
        """The least memory that the clip takes, without the weights."""
        ...

    def frames_at_once(self, request: VideoRequest, free_bytes: int) -> int:
        """How many frames to decode at once with that much free memory; at least 1."""
        ...


class ClipModel(Protocol):
    """A loaded model that draws clips. Not thread-safe: one thread at a time."""

    @property
    def facts(self) -> ModelFacts: ...

    @property
    def memory_bytes(self) -> int:
        """Memory that the weights take."""
        ...

    def count_tokens(self, request: VideoRequest) -> PromptTokens | None:
        """Counts how much of the prompts `draw` reads; None where that is unknown."""
        ...

    def draw(self, request: VideoRequest, on_step: OnStep) -> FrameDecoder:
        """Denoises a clip that `facts.check` admits.

        Args:
            request: The clip.
            on_step: Receives every step.

        Returns:
            A function that decodes the clip's frames.

        Raises:
            CanceledError: `on_step` returned False; within one step.
            EngineError: OUT_OF_MEMORY, NUMERICAL_FAILURE.
        """
        ...

    def close(self) -> None:
        """Releases the model's memory; the object must not be used afterwards."""
        ...
