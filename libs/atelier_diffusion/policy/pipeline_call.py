"""Pipeline calls: the arguments of a diffusers pipeline, read from its signature, and whether it can draw clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

from atelier_diffusion.policy.errors import ModelLoadError

USUAL = (
    "prompt", "height", "width", "num_frames", "num_inference_steps", "generator", "output_type",
    "callback_on_step_end",
)  # fmt: skip
_GIVEN = {*USUAL, "self", "negative_prompt", "guidance_scale", "image"}


@dataclass(frozen=True, slots=True)
class PipelineCall:
    """The arguments of a pipeline that draws clips: all of `USUAL`, and others.

    Attributes:
        pipeline: The class name.
        arguments: All names that the call takes.
        needs_image: Whether its signature requires a picture; some have a default for it, and fail without one.
        max_sequence_length: How many tokens of a prompt the call reads; None where the tokenizer decides.
    """

    pipeline: str
    arguments: frozenset[str]
    needs_image: bool
    max_sequence_length: int | None = None

    @classmethod
    def read(cls, pipeline: str, call: Callable[..., Any]) -> PipelineCall:
        """Reads the signature of a pipeline's call.

        Raises:
            ModelLoadError: MODEL_UNSUPPORTED; the message says which argument is missing or unknown.
        """
        parameters = {
            name: parameter
            for name, parameter in signature(call).parameters.items()
            if parameter.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        }
        lacking = [name for name in USUAL if name not in parameters]
        if lacking:
            takes = ", ".join(lacking)
            raise ModelLoadError("MODEL_UNSUPPORTED", f"pipeline {pipeline} draws no clips: its call takes no {takes}")
        needed = {name for name, parameter in parameters.items() if parameter.default is Parameter.empty}
        if needed - _GIVEN:
            others = ", ".join(sorted(needed - _GIVEN))
            raise ModelLoadError("MODEL_UNSUPPORTED", f"pipeline {pipeline} needs what no request has: {others}")
        longest = parameters["max_sequence_length"].default if "max_sequence_length" in parameters else None
        return cls(pipeline, frozenset(parameters), "image" in needed, longest if isinstance(longest, int) else None)

    @property
    def takes_image(self) -> bool:
        """Whether the call takes a picture."""
        return "image" in self.arguments

    def check_card(self, takes_first_frame: bool) -> None:
        """Compares the call with what the catalogue says of a first frame.

        Raises:
            ModelLoadError: MODEL_UNSUPPORTED, they differ.
        """
        if takes_first_frame and not self.takes_image:
            raise ModelLoadError(
                "MODEL_UNSUPPORTED",
                f"pipeline {self.pipeline} takes no picture; its catalogue entry says takes_first_frame: true",
            )
        if self.needs_image and not takes_first_frame:
            raise ModelLoadError(
                "MODEL_UNSUPPORTED",
                f"pipeline {self.pipeline} needs a picture; its catalogue entry must say takes_first_frame: true",
            )
