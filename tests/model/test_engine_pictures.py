"""The engine draws with the demo model."""

from dataclasses import replace

import numpy as np
import pytest

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.encoding.picture_file import encode_picture, read_parameters
from atelier_diffusion.engine.denoising import StepReport
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.engine.results import Pixels
from atelier_diffusion.policy.errors import CanceledError, EngineError
from atelier_diffusion.policy.request import ImageRequest, SchedulerName
from atelier_diffusion.policy.scheduler_choice import BETAS_SCHEDULERS
from atelier_diffusion.remote.remote_engine import RemoteEngine
from atelier_diffusion.torch_backend.local_engine import open_engine

REQUEST = ImageRequest(
    prompt="a red circle on a blue background",
    negative_prompt="",
    width_px=256,
    height_px=256,
    steps=12,
    guidance_scale=3.0,
    seed=7,
    scheduler="DDIM",
)
QUICK = replace(REQUEST, steps=3)


def enough_steps(scheduler: SchedulerName) -> ImageRequest:
    """REQUEST with a scheduler; one needs more steps than the others until its picture stands."""
    return replace(REQUEST, scheduler=scheduler, steps=30 if scheduler == "DPM2_ANCESTRAL" else REQUEST.steps)


def pixels_of(engine: ImageEngine, request: ImageRequest) -> Pixels:
    return engine.generate(request)[0].pixels


def is_blue(colour: Pixels) -> bool:
    red, green, blue = (int(value) for value in colour)
    return blue > 120 and blue > red + 60 and blue > green + 40


@pytest.mark.parametrize("scheduler", BETAS_SCHEDULERS)
def test_every_scheduler_draws_a_red_thing_on_a_blue_background(engine: ImageEngine, scheduler: SchedulerName) -> None:
    pixels = pixels_of(engine, enough_steps(scheduler))
    assert pixels.shape == (256, 256, 3)
    assert pixels.dtype == np.uint8
    edge = np.concatenate([pixels[:16].reshape(-1, 3), pixels[-16:].reshape(-1, 3)])
    assert is_blue(np.median(edge, axis=0))
    assert edge.std(axis=0).max() < 25  # a flat colour, no noise
    reds = (pixels[..., 0] > 150) & (pixels[..., 2] < 110)
    assert 0.02 < reds.mean() < 0.7


def test_the_same_request_gives_the_same_picture_to_the_bit(engine: ImageEngine) -> None:
    assert np.array_equal(pixels_of(engine, QUICK), pixels_of(engine, QUICK))


def test_another_seed_gives_another_picture(engine: ImageEngine) -> None:
    assert not np.array_equal(pixels_of(engine, QUICK), pixels_of(engine, replace(QUICK, seed=8)))


@pytest.mark.parametrize("scheduler", BETAS_SCHEDULERS)
def test_a_picture_of_several_can_be_made_again_alone(engine: ImageEngine, scheduler: SchedulerName) -> None:
    request = replace(QUICK, scheduler=scheduler, count=3, seed=2**32 - 2)
    together = engine.generate(request)
    assert [picture.seed for picture in together] == [4294967294, 4294967295, 0]
    for picture in together:
        assert np.array_equal(picture.pixels, pixels_of(engine, request.alone(picture.index)))


def test_pictures_have_the_requested_size(engine: ImageEngine) -> None:
    assert pixels_of(engine, replace(QUICK, width_px=320, height_px=128)).shape == (128, 320, 3)


def test_a_size_that_the_model_cannot_draw_is_refused(engine: ImageEngine) -> None:
    with pytest.raises(EngineError) as refused:
        engine.generate(replace(QUICK, height_px=264))
    assert refused.value.reason == "INVALID_SIZE"


def test_guidance_and_a_negative_prompt_change_the_picture(engine: ImageEngine) -> None:
    pictures = [
        pixels_of(engine, request)
        for request in (QUICK, replace(QUICK, guidance_scale=1.0), replace(QUICK, negative_prompt="a red square"))
    ]
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_a_stop_is_obeyed_within_one_step_and_the_engine_draws_on(engine: ImageEngine) -> None:
    told: list[int] = []

    def stop_at_two(report: StepReport) -> bool:
        told.append(report.step)
        return report.step < 2

    with pytest.raises(CanceledError):
        engine.generate(replace(REQUEST, steps=50), on_step=stop_at_two)
    assert told == [0, 1, 2]
    assert engine.generate(QUICK)


@pytest.mark.parametrize("scheduler", BETAS_SCHEDULERS)
def test_a_preview_shows_early_what_the_picture_will_be(engine: ImageEngine, scheduler: SchedulerName) -> None:
    previews: list[Pixels] = []

    def keep(report: StepReport) -> bool:
        if report.preview is not None:
            previews.append(report.preview())
        return True

    request = enough_steps(scheduler)
    (picture,) = engine.generate(request, on_step=keep)
    early = previews[request.steps * 2 // 3]
    small = picture.pixels.reshape(32, 8, 32, 8, 3).mean(axis=(1, 3))
    difference = np.abs(early.astype(float) - small).mean()
    assert len(previews) == request.steps
    assert early.shape == (32, 32, 3)
    assert difference < 20


def test_drawing_with_previews_changes_no_bit(engine: ImageEngine) -> None:
    def look(report: StepReport) -> bool:
        if report.preview is not None:
            report.preview()
        return True

    assert np.array_equal(engine.generate(QUICK, on_step=look)[0].pixels, pixels_of(engine, QUICK))


def test_the_same_request_makes_the_same_png_with_its_parameters_inside(engine: ImageEngine) -> None:
    parameters = {"prompt": QUICK.prompt, "seed": QUICK.seed, "steps": QUICK.steps}
    first, second = (encode_picture(pixels_of(engine, QUICK), "PNG", parameters) for _ in range(2))
    assert first == second
    assert read_parameters(first) == parameters


async def test_engine_and_demo_model_fit_in_900_megabytes(demo_catalogue: Catalogue) -> None:
    # In the engine process of a worker: this one has room for whatever other tests load.
    async with RemoteEngine.open(open_engine, catalogue=demo_catalogue, device="cpu", threads=1) as engine:
        await engine.generate(QUICK)
        (model,) = engine.statuses
        assert model.memory_bytes < 40e6
        assert engine.resident_bytes < 900e6
