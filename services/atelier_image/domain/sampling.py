"""Rules of sampling: valid combinations of seeds, inputs, steps and noise levels, and of these with a model."""

from collections.abc import Collection
from dataclasses import dataclass

from atelier_diffusion.policy.model_card import ModelCard
from atelier_diffusion.policy.noise_schedule import family_of, refused_sigmas
from atelier_diffusion.policy.request import MAX_SCHEDULE_STEPS, ImageRequest, SchedulerName, SigmasName
from atelier_image.domain.inputs import Input, InputName
from atelier_service.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a drawing.

    Attributes:
        count: Number of steps of the request: the last ones of a schedule of `count / denoise` steps.
        denoise: The share of the schedule, greater than 0, at most 1.
        start: The first step, from 0.
        end: The step before which drawing stops, at most `count`.
    """

    count: int
    denoise: float
    start: int
    end: int

    @property
    def are_none(self) -> bool:
        """True if nothing is denoised: the input is only encoded or decoded."""
        return self.start == self.end


def check_seeds(seed: int | None, wide_seed: int | None) -> None:
    """Raises InvalidArgumentError when a caller sent both seeds."""
    if seed is not None and wide_seed is not None:
        raise InvalidArgumentError.of_field("wide_seed", "is instead of seed: send one of them", reason="INVALID_SEED")


def check_inputs(names: Collection[InputName]) -> None:
    """Raises InvalidArgumentError for inputs that exclude each other, and for a mask without a picture or latent."""
    if "init_image" in names and "init_latent" in names:
        text = "is instead of init_image_asset_id: send one of them"
        raise InvalidArgumentError.of_field("init_latent_asset_id", text, reason="INVALID_INPUTS")
    if "mask" in names and len(names) == 1:
        text = "needs an init_image_asset_id or an init_latent_asset_id, some of which stays"
        raise InvalidArgumentError.of_field("mask_asset_id", text, reason="INVALID_INPUTS")


def check_steps(steps: Steps, *, has_input: bool) -> None:
    """Raises InvalidArgumentError for steps that are out of order or outside of the schedule, or that need an input."""
    if steps.end > steps.count:
        raise _wrong_steps("end_step", f"must be at most steps, which are {steps.count}")
    if steps.start > steps.end:
        raise _wrong_steps("start_step", f"must be at most end_step, which is {steps.end}")
    if steps.are_none and not has_input:
        raise _wrong_steps("end_step", "is start_step: without an input there is nothing to encode or decode")
    if steps.denoise == 1.0:
        return
    if (steps.start, steps.end) != (0, steps.count):
        raise _wrong_steps("denoise", "is instead of start_step and end_step: send it or them")
    if int(steps.count / steps.denoise) > MAX_SCHEDULE_STEPS:
        raise _wrong_steps("denoise", f"must be such that steps / denoise is at most {MAX_SCHEDULE_STEPS}")


def check_sigmas(sigmas: SigmasName, scheduler: SchedulerName, card: ModelCard) -> None:
    """Raises InvalidArgumentError for a spacing of noise levels that the scheduler does not support.

    If no worker has the files of the model yet, this is checked when the job runs.
    """
    refused = refused_sigmas(scheduler, sigmas, family_of(card.schedulers)) if card.schedulers else ""
    if refused:
        raise InvalidArgumentError.of_field("sigmas", refused, reason="INVALID_SIGMAS")


def check_latent(latent: Input, request: ImageRequest, card: ModelCard) -> None:
    """Raises InvalidArgumentError for a latent of another size than the request's, or another family than the model's.

    If no worker has the files of the model yet, the family is checked when the job runs.
    """
    header = latent.latent
    assert header is not None, "it was looked up"
    field = "init_latent_asset_id"
    if (header.width_px, header.height_px) != (request.width_px, request.height_px):
        text = f"is of {header.width_px} × {header.height_px} pixels, and not of width_px × height_px"
        raise InvalidArgumentError.of_field(field, text, reason="INVALID_LATENT")
    expected = card.latents
    if expected is None:
        return
    if header.family != expected.family or header.shape != expected.shape(request.width_px, request.height_px):
        text = f"is of the family {header.family}; the model {card.id} draws with latents of {expected.family}"
        raise InvalidArgumentError.of_field(field, text, reason="INVALID_LATENT")


def _wrong_steps(field: str, text: str) -> InvalidArgumentError:
    return InvalidArgumentError.of_field(field, text, reason="INVALID_STEPS")
