"""Parameters of an image: as a caller sent them, and with every value set."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from atelier_diffusion.policy.model_card import ModelCard
from atelier_diffusion.policy.request import OUTPUT_KINDS, ImageRequest, OutputKind, SigmasName
from atelier_drawing.domain.parameters import AskedDrawing, DrawingParameters, given, resolve_request
from atelier_image.domain.inputs import INPUT_NAMES, Input, InputName
from atelier_image.domain.sampling import Steps, check_inputs, check_latent, check_seeds, check_sigmas, check_steps

FormatName = Literal["PNG", "WEBP", "JPEG"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedImage(AskedDrawing):
    """Parameters as a caller sent them. None: the caller left it out.

    Attributes:
        inputs: The assets that the caller named; before `resolve`, they must have been looked up by `looked_up`.
        denoise, start_step, end_step, add_noise, keep_noise: As in the contract.
        outputs: The outputs to store; empty for pictures only.
        sigmas: The spacing of the noise levels.
        wide_seed: A seed of 64 bits in place of `seed`.
    """

    count: int | None = None
    output_format: FormatName | None = None
    inputs: Mapping[InputName, Input] = field(default_factory=dict)
    denoise: float | None = None
    start_step: int | None = None
    end_step: int | None = None
    add_noise: bool | None = None
    keep_noise: bool | None = None
    outputs: tuple[OutputKind, ...] = ()
    sigmas: SigmasName | None = None
    wide_seed: int | None = None

    @property
    def is_seeded(self) -> bool:
        """True if the caller sent a seed."""
        return self.seed is not None or self.wide_seed is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageParameters(DrawingParameters[ImageRequest]):
    """The spec of an image. Its request has no arrays: the worker sets them.

    Attributes:
        inputs: The assets with which it begins. The files depend on their content and not on their ids.
    """

    output_format: FormatName
    inputs: Mapping[InputName, Input] = field(default_factory=dict)

    def drawn(self) -> dict[str, Any]:
        """See DrawingParameters.drawn."""
        values = DrawingParameters.drawn(self)
        del values["inputs"]
        return values | {f"{name}_sha256": each.sha256 for name, each in self.inputs.items()}

    def stored(self) -> dict[str, Any]:
        """See DrawingParameters.stored."""
        ids = {f"{name}_asset_id": each.asset_id for name, each in self.inputs.items()}
        return {**DrawingParameters.stored(self), **ids}

    @classmethod
    def from_bytes(cls, data: bytes) -> "ImageParameters":
        """Reads what `to_bytes` returned."""
        values = json.loads(data)
        return cls(
            model=values["model"],
            request=ImageRequest.from_json(values),
            output_format=values["output_format"],
            metadata=values["metadata"],
            inputs={
                name: Input(values[f"{name}_asset_id"], values[f"{name}_sha256"])
                for name in INPUT_NAMES
                if f"{name}_asset_id" in values
            },
        )


def resolve(asked: AskedImage, card: ModelCard, draw_seed: Callable[[], int]) -> ImageParameters:
    """Sets what the caller left out; see `resolve_request`.

    Raises:
        InvalidArgumentError: Also for steps, seeds, sigmas and inputs that do not go together, or not with the model.
    """
    check_seeds(asked.seed, asked.wide_seed)
    check_inputs(asked.inputs)
    defaults = replace(card.defaults.image_request(), count=given(asked.count, 1))
    narrow = asked if asked.wide_seed is None else replace(asked, seed=0)
    request = resolve_request(narrow, card, defaults, draw_seed)
    if asked.sigmas is not None:
        check_sigmas(asked.sigmas, request.scheduler, card)
    steps = Steps(
        count=request.steps,
        denoise=given(asked.denoise, 1.0),
        start=given(asked.start_step, 0),
        end=given(asked.end_step, request.steps),
    )
    check_steps(steps, has_input=bool(asked.inputs))
    if "init_latent" in asked.inputs:
        check_latent(asked.inputs["init_latent"], request, card)
    return ImageParameters(
        model=card.id,
        request=replace(
            request,
            denoise=steps.denoise,
            start_step=steps.start,
            # What has no effect is set to its default: requests that draw the same have one cache key.
            end_step=None if steps.end == steps.count else steps.end,
            add_noise=not steps.are_none and given(asked.add_noise, steps.start == 0),
            keep_noise=steps.end == steps.count or steps.are_none or given(asked.keep_noise, True),
            outputs=tuple(kind for kind in OUTPUT_KINDS if kind in (asked.outputs or ("PICTURE",))),
            sigmas=asked.sigmas,
            wide_seed=asked.wide_seed,
        ),
        output_format=given(asked.output_format, "PNG"),
        metadata=dict(asked.metadata),
        inputs={name: replace(each, latent=None) for name, each in asked.inputs.items()},
    )
