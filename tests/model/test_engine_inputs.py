"""Pictures that begin with a picture or a latent: the engine makes what diffusers' own pipelines make."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.model.small_models import stable_diffusion, stable_diffusion_xl
from tests.model.test_engine_families import engine_on

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.engine.denoising import StepReport
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.engine.results import Picture, Pixels
from atelier_diffusion.policy.errors import CanceledError, EngineError
from atelier_diffusion.policy.noise_schedule import schedulers_of
from atelier_diffusion.policy.request import ImageRequest, SchedulerName

REQUEST = ImageRequest("a green star", "a boat", 64, 96, 6, 5.0, 3, "EULER", denoise=0.6, outputs=("PICTURE", "LATENT"))
NOTHING_DRAWN: dict[str, Any] = {"start_step": 0, "end_step": 0, "add_noise": False, "denoise": 1.0}
PICTURE: Pixels = np.random.default_rng(0).integers(0, 256, (96, 64, 3), np.uint8)
LEFT = np.zeros((96, 64), np.uint8)
LEFT[:, :32] = 255
for array in (PICTURE, LEFT):  # as arrays over the bytes of a file are
    array.setflags(write=False)

Latents = NDArray[np.float32]


@pytest.fixture(scope="module", params=[stable_diffusion, stable_diffusion_xl])
def family(request: Any, engine: ImageEngine, demo_catalogue: Catalogue) -> Any:
    """`engine` has imported torch already."""
    folder = demo_catalogue.default.folder
    assert isinstance(folder, Path)
    return request.param(folder)


@pytest.fixture(scope="module")
def small(family: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageEngine]:
    folder = tmp_path_factory.mktemp("small")
    family.save_pretrained(folder)
    # Options that a file names are not defaults any more, which schedulers of another class would not take over.
    family.scheduler = type(family.scheduler).from_pretrained(folder, subfolder="scheduler")
    with engine_on(folder) as opened:
        yield opened


def drawn(engine: ImageEngine, request: ImageRequest) -> Picture:
    (picture,) = engine.generate(request)
    return picture


def latents_of(picture: Picture) -> Latents:
    assert picture.latent is not None
    return picture.latent.samples


def encoded(engine: ImageEngine, scheduler: SchedulerName = "EULER") -> Latents:
    """PICTURE as a latent."""
    request = replace(REQUEST, init_picture=PICTURE, outputs=("LATENT",), scheduler=scheduler, **NOTHING_DRAWN)
    picture = drawn(engine, request)
    assert picture.decoded is None
    return latents_of(picture)


def by_diffusers(pipe: Any, request: ImageRequest, initial: Latents, mask: Pixels | None = None) -> Latents:
    """The latents that diffusers' pipelines for pictures and masks draw from the same latent."""
    import torch
    from diffusers.pipelines.auto_pipeline import AutoPipelineForImage2Image, AutoPipelineForInpainting

    from atelier_diffusion.torch_backend.noise_schedulers import new_scheduler

    scale = pipe.vae.config.scaling_factor
    auto: Any = AutoPipelineForImage2Image if mask is None else AutoPipelineForInpainting
    made = auto.from_pipe(pipe)
    made.set_progress_bar_config(disable=True)
    made.scheduler = new_scheduler(request.scheduler, pipe.scheduler, request.steps)
    made.scheduler.noise_sampler_seed = request.seed
    image = torch.from_numpy(initial) * scale
    masked: dict[str, Any] = {}
    if mask is not None:
        shape = {"width": request.width_px, "height": request.height_px}
        masked = {
            "mask_image": torch.tensor(mask)[None, None].float() / 255,
            "masked_image_latents": image,
            **shape,
        }
    output = made(
        request.prompt,
        image=image,
        negative_prompt=request.negative_prompt,
        strength=request.denoise,
        num_inference_steps=request.schedule_steps,
        guidance_scale=request.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(request.seed),
        output_type="latent",
        **masked,
    )
    latents: Latents = output.images.numpy() / scale
    return latents


# Of LMS, diffusers reads a history that it does not have when it begins in the middle.
@pytest.mark.filterwarnings("ignore:Should have t[ab]")  # diffusers' Brownian tree rounds its bounds
@pytest.mark.parametrize("scheduler", sorted(set(schedulers_of("betas")) - {"LMS"}))
def test_a_picture_from_a_picture_is_the_pipelines_own(
    small: ImageEngine, family: Any, scheduler: SchedulerName
) -> None:
    request = replace(REQUEST, scheduler=scheduler)
    initial = encoded(small)
    ours = drawn(small, replace(request, init_picture=PICTURE))
    theirs = by_diffusers(family, request, initial)
    assert ours.pixels.shape == (96, 64, 3)
    assert np.abs(latents_of(ours) - theirs).max() < 1e-3 * np.abs(theirs).max()
    again = drawn(small, replace(request, init_latent=initial))
    assert np.abs(latents_of(again) - latents_of(ours)).max() < 1e-4 * np.abs(theirs).max()


@pytest.mark.parametrize(
    ("own", "name"),
    [("EDMEulerScheduler", "EULER"), ("EDMDPMSolverMultistepScheduler", "DPMPP_2M"), ("LCMScheduler", "LCM")],
)
def test_models_of_other_families_draw_from_pictures_too(
    engine: ImageEngine, demo_catalogue: Catalogue, tmp_path: Path, own: str, name: SchedulerName
) -> None:
    import diffusers

    folder = demo_catalogue.default.folder
    assert folder is not None
    pipe = stable_diffusion(folder, getattr(diffusers, own)())
    pipe.save_pretrained(tmp_path)
    pipe.scheduler = type(pipe.scheduler).from_pretrained(tmp_path, subfolder="scheduler")
    request = replace(REQUEST, scheduler=name)
    with engine_on(tmp_path) as opened:
        initial = encoded(opened, name)
        ours = latents_of(drawn(opened, replace(request, init_latent=initial)))
        masked = drawn(opened, replace(request, init_picture=PICTURE, mask=LEFT))
    theirs = by_diffusers(pipe, request, initial)
    assert np.abs(ours - theirs).max() < 1e-3 * np.abs(theirs).max()
    assert np.array_equal(masked.pixels[:, 32:], PICTURE[:, 32:])


@pytest.mark.parametrize("scheduler", ["DDIM", "EULER", "EULER_ANCESTRAL", "DPMPP_2M", "UNIPC"])
@pytest.mark.parametrize("denoise", [0.6, 0.75])
def test_what_a_mask_leaves_is_the_pipelines_own(
    small: ImageEngine, family: Any, scheduler: SchedulerName, denoise: float
) -> None:
    request = replace(REQUEST, scheduler=scheduler, denoise=denoise)
    initial = encoded(small)
    ours = drawn(small, replace(request, init_picture=PICTURE, mask=LEFT))
    theirs = by_diffusers(family, request, initial, LEFT)
    assert np.abs(latents_of(ours) - theirs).max() < 1e-3 * np.abs(theirs).max()
    assert np.array_equal(ours.pixels[:, 32:], PICTURE[:, 32:])
    assert not np.array_equal(ours.pixels[:, :32], PICTURE[:, :32])
    assert np.abs(latents_of(ours)[..., 4:] - initial[..., 4:]).max() < 1e-5 * np.abs(initial).max()


@pytest.mark.parametrize("scheduler", ["DDIM", "EULER"])
@pytest.mark.parametrize("second", ["DDIM", "EULER"])
def test_two_passes_draw_what_one_draws(small: ImageEngine, scheduler: SchedulerName, second: SchedulerName) -> None:
    whole = replace(REQUEST, scheduler=scheduler, steps=8, denoise=1.0, sigmas="SIMPLE")
    one = drawn(small, whole)
    half = drawn(small, replace(whole, end_step=5, outputs=("LATENT",)))
    rest = replace(whole, scheduler=second, start_step=5, add_noise=False, seed=99, init_latent=latents_of(half))
    two = drawn(small, rest)
    difference = np.abs(latents_of(two) - latents_of(one)).max() / np.abs(latents_of(one)).max()
    if second == scheduler:
        assert difference < 1e-4
    else:
        assert 0 < difference < 0.2  # the two integrate the same equation, each in its own way


def test_a_pass_that_keeps_no_noise_ends_with_what_it_predicts(small: ImageEngine) -> None:
    whole = replace(REQUEST, denoise=1.0, sigmas="SIMPLE", scheduler="DPMPP_2M", steps=8)
    previews: list[Pixels] = []

    def keep(report: StepReport) -> bool:
        if report.preview is not None:
            previews.append(report.preview())
        return True

    clean = small.generate(replace(whole, end_step=4, keep_noise=False), on_step=keep)[0]
    noisy = drawn(small, replace(whole, end_step=4))
    assert len(previews) == 4
    assert np.array_equal(previews[-1], clean.pixels)  # a preview of 64 × 96 px is of full size
    assert not np.allclose(latents_of(noisy), latents_of(clean), rtol=0.1)


@pytest.mark.parametrize("scheduler", ["HEUN", "DPM2", "DPMPP_SDE"])
def test_schedulers_with_two_runs_a_step_take_part_in_all_of_it(small: ImageEngine, scheduler: SchedulerName) -> None:
    whole = replace(REQUEST, scheduler=scheduler, denoise=1.0, steps=5, sigmas="SIMPLE")
    steps: list[tuple[int, int]] = []

    def keep(report: StepReport) -> bool:
        steps.append((report.step, report.steps))
        return True

    (half,) = small.generate(replace(whole, end_step=3), on_step=keep)
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    two = drawn(small, replace(whole, start_step=3, add_noise=False, init_latent=latents_of(half)))
    if scheduler != "DPMPP_SDE":  # its noise is that of its whole schedule, and of the sigmas that it meets
        one = drawn(small, whole)
        assert np.abs(latents_of(two) - latents_of(one)).max() < 1e-4 * np.abs(latents_of(one)).max()
    masked = drawn(small, replace(whole, init_picture=PICTURE, mask=LEFT))
    assert np.array_equal(masked.pixels[:, 32:], PICTURE[:, 32:])


def test_nothing_denoised_encodes_and_decodes_without_a_step(small: ImageEngine) -> None:
    steps: list[tuple[int, int]] = []

    def keep(report: StepReport) -> bool:
        steps.append((report.step, report.steps))
        return True

    samples = encoded(small)
    nothing = replace(REQUEST, outputs=("PICTURE", "LATENT"), **NOTHING_DRAWN)
    (both,) = small.generate(replace(nothing, init_picture=PICTURE), on_step=keep)
    assert steps == [(0, 0)]
    assert np.array_equal(latents_of(both), samples)
    decoded = drawn(small, replace(nothing, init_latent=samples, seed=99, prompt="other"))
    assert np.array_equal(decoded.pixels, both.pixels)
    assert both.latent is not None
    assert both.latent.samples.dtype == np.float32
    assert both.latent.samples.shape == both.latent.format.shape(64, 96)


def test_each_picture_of_several_has_its_own_noise_and_can_be_made_again_alone(small: ImageEngine) -> None:
    request = replace(REQUEST, init_picture=PICTURE, mask=LEFT, count=3, scheduler="EULER_ANCESTRAL")
    together = small.generate(request)
    assert len({picture.pixels.tobytes() for picture in together}) == 3
    for picture in together:
        alone = drawn(small, request.alone(picture.index))
        assert np.array_equal(alone.pixels, picture.pixels)
        assert np.array_equal(latents_of(alone), latents_of(picture))


def test_no_noise_is_added_if_the_request_disables_it(small: ImageEngine) -> None:
    request = replace(REQUEST, init_picture=PICTURE, add_noise=False)
    assert np.array_equal(drawn(small, request).pixels, drawn(small, replace(request, seed=99)).pixels)


def test_a_latent_of_another_size_or_with_numbers_that_are_none_is_refused(small: ImageEngine) -> None:
    samples = encoded(small)
    for wrong in (samples[:, :, :4], samples[:, :3], samples * np.float32("nan")):
        with pytest.raises(EngineError) as refused:
            small.generate(replace(REQUEST, init_latent=wrong))
        assert refused.value.reason == "INVALID_REQUEST"


def test_a_stop_is_obeyed_within_one_step_of_a_picture_from_a_picture(small: ImageEngine) -> None:
    with pytest.raises(CanceledError):
        small.generate(replace(REQUEST, init_picture=PICTURE, mask=LEFT), on_step=lambda report: report.step < 2)
