"""What a sampler takes: which parameters go together, and what their absence means."""

import json
from dataclasses import replace

import pytest

from atelier_diffusion.policy.request import SIGMAS, SchedulerName, SigmasName
from atelier_diffusion.policy.scheduler_choice import BETAS_SCHEDULERS
from atelier_drawing.domain.result import cache_key
from atelier_image.domain.inputs import Input, InputName
from atelier_image.domain.parameters import AskedImage, ImageParameters, resolve
from atelier_models.domain.model_view import EngineVersion
from atelier_service.errors import InvalidArgumentError
from tests.unit.image.latents import CARD, HEADER
from tests.unit.models.cards import DEMO

ENGINE = EngineVersion("r1", "f1")
PICTURE = Input("a1", "11" * 32)
LATENT = Input("a2", "22" * 32, HEADER)
MASK = Input("a3", "33" * 32)


def asked(**values: object) -> AskedImage:
    return AskedImage(prompt="a cat", seed=1, **values)  # type: ignore[arg-type]


def resolved(**values: object) -> ImageParameters:
    return resolve(asked(**values), CARD, lambda: 7)


def test_a_drawing_without_these_is_all_of_a_schedule_from_noise() -> None:
    request = resolved().request
    assert (request.denoise, request.start_step, request.end, request.add_noise) == (1.0, 0, 20, True)
    assert (request.outputs, request.sigmas, request.wide_seed) == (("PICTURE",), None, None)


def test_what_is_sent_reaches_the_engine() -> None:
    request = resolved(
        inputs={"init_image": PICTURE, "mask": MASK}, denoise=0.6, outputs=("LATENT", "PICTURE"), sigmas="KARRAS"
    ).request
    assert (request.denoise, request.schedule_steps, request.sigmas) == (0.6, 33, "KARRAS")
    assert request.outputs == ("PICTURE", "LATENT")


def test_a_continued_drawing_adds_no_noise_unless_requested() -> None:
    on = {"inputs": {"init_latent": LATENT}, "start_step": 8}
    assert not resolved(**on).request.add_noise
    assert resolved(**on, add_noise=True).request.add_noise


def test_a_drawing_that_stops_early_leaves_its_noise_by_default() -> None:
    assert resolved(end_step=8).request.keep_noise
    assert not resolved(end_step=8, keep_noise=False).request.keep_noise


def test_equal_start_and_end_only_encode_or_decode() -> None:
    request = resolved(inputs={"init_latent": LATENT}, start_step=0, end_step=0).request
    assert (request.drawn_steps, request.add_noise) == (0, False)


def test_a_wide_seed_takes_the_place_of_the_seed() -> None:
    parameters = resolve(AskedImage(prompt="a cat", wide_seed=2**64 - 1, count=2), CARD, lambda: 7)
    assert (parameters.request.seed, parameters.request.seeds) == (0, (2**64 - 1, 0))
    assert AskedImage(prompt="a cat", wide_seed=0).is_seeded
    assert not AskedImage(prompt="a cat").is_seeded


@pytest.mark.parametrize(
    ("values", "field", "reason"),
    [
        ({"wide_seed": 1}, "wide_seed", "INVALID_SEED"),
        ({"inputs": {"init_image": PICTURE, "init_latent": LATENT}}, "init_latent_asset_id", "INVALID_INPUTS"),
        ({"inputs": {"mask": MASK}}, "mask_asset_id", "INVALID_INPUTS"),
        ({"end_step": 21}, "end_step", "INVALID_STEPS"),
        ({"start_step": 21}, "start_step", "INVALID_STEPS"),
        ({"start_step": 9, "end_step": 8}, "start_step", "INVALID_STEPS"),
        ({"start_step": 8, "end_step": 8}, "end_step", "INVALID_STEPS"),
        ({"denoise": 0.5, "start_step": 1}, "denoise", "INVALID_STEPS"),
        ({"denoise": 0.5, "end_step": 19}, "denoise", "INVALID_STEPS"),
        ({"denoise": 0.019}, "denoise", "INVALID_STEPS"),
    ],
)
def test_what_does_not_go_together_is_refused_with_its_field(
    values: dict[str, object], field: str, reason: str
) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        resolved(**values)
    assert (refused.value.fields[0].field, refused.value.reason) == (field, reason)


@pytest.mark.parametrize(
    ("schedulers", "scheduler", "sigmas"),
    [(BETAS_SCHEDULERS, "DDIM", "KARRAS"), (("LCM",), "LCM", "BETA"), (("EULER",), "EULER", "KARRAS")],
)
def test_sigmas_that_the_scheduler_cannot_take_are_refused_with_what_it_takes(
    schedulers: tuple[SchedulerName, ...], scheduler: SchedulerName, sigmas: SigmasName
) -> None:
    card = replace(CARD, schedulers=schedulers)
    with pytest.raises(InvalidArgumentError, match=f"{scheduler} draws with .* only, not with {sigmas}") as refused:
        resolve(asked(scheduler=scheduler, sigmas=sigmas), card, lambda: 7)
    assert (refused.value.fields[0].field, refused.value.reason) == ("sigmas", "INVALID_SIGMAS")


def test_every_sigmas_go_with_some_scheduler() -> None:
    card = replace(CARD, schedulers=BETAS_SCHEDULERS)
    for sigmas in SIGMAS:
        assert resolve(asked(scheduler="DPMPP_2M", sigmas=sigmas), card, lambda: 7).request.sigmas == sigmas


@pytest.mark.parametrize(
    "header",
    [
        replace(HEADER, width_px=128, shape=(1, 12, 8, 8)),
        replace(HEADER, family="sd15"),
        replace(HEADER, shape=(1, 4, 8, 16)),
        replace(HEADER, shape=(1, 12, 16, 32)),
    ],
)
def test_a_latent_of_another_size_or_family_is_refused(header: object) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        resolved(inputs={"init_latent": Input("a2", "22" * 32, header)})  # type: ignore[arg-type]
    assert (refused.value.fields[0].field, refused.value.reason) == ("init_latent_asset_id", "INVALID_LATENT")


def test_a_latent_is_taken_for_a_model_whose_files_are_not_there_yet() -> None:
    latent = Input("a2", "22" * 32, replace(HEADER, family="sd15", shape=(1, 4, 16, 32)))
    assert resolve(asked(inputs={"init_latent": latent}), DEMO, lambda: 7).inputs["init_latent"].asset_id == "a2"


def test_a_job_stores_its_inputs() -> None:
    parameters = resolved(inputs={"init_latent": LATENT, "mask": MASK}, start_step=5, wide_seed=None)
    again = ImageParameters.from_bytes(parameters.to_bytes())
    assert again == parameters
    assert [(name, each.asset_id) for name, each in again.inputs.items()] == [("init_latent", "a2"), ("mask", "a3")]
    assert json.loads(parameters.to_bytes())["mask_sha256"] == "33" * 32


def key(**values: object) -> str:
    return cache_key(resolved(**values), ENGINE)


def test_the_cache_finds_equal_content_under_another_id() -> None:
    inputs: dict[InputName, Input] = {"init_image": PICTURE}
    assert key(inputs=inputs) == key(inputs={"init_image": Input("another", PICTURE.sha256)})
    assert key(inputs=inputs) != key(inputs={"init_image": Input("a1", "44" * 32)})
    assert key(inputs=inputs) != key()


def test_what_has_no_effect_is_not_in_the_cache_key() -> None:
    assert key(end_step=20, keep_noise=False, add_noise=True, denoise=1.0, outputs=("PICTURE",)) == key()


@pytest.mark.parametrize(
    "values",
    [{"denoise": 0.5}, {"end_step": 19}, {"add_noise": False}, {"outputs": ("LATENT",)}, {"sigmas": "KARRAS"}],
)
def test_what_has_an_effect_is_in_the_cache_key(values: dict[str, object]) -> None:
    assert key(**values) != key()


def test_the_cost_counts_the_steps_that_are_done() -> None:
    assert resolved(end_step=5).cost == resolved().cost / 4
    assert resolved(inputs={"init_image": PICTURE}, end_step=0).cost == resolved().cost / 20


def test_the_cost_counts_the_runs_of_the_network() -> None:
    assert resolved(scheduler="HEUN").cost == 2 * resolved(scheduler="EULER").cost
