"""Noise levels: the sigmas of a request, in schedulers that diffusers itself configures."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from atelier_diffusion.engine.denoising import StepReport
from atelier_diffusion.engine.engine import ImageEngine
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.noise_schedule import evaluations_of, schedulers_of, sigmas_of
from atelier_diffusion.policy.request import ImageRequest, SchedulerName, SigmasName

REQUEST = ImageRequest("a red circle on a blue background", "", 256, 256, 20, 3.0, 7, "EULER")
COMBINATIONS = [(name, sigmas) for name in schedulers_of("betas") for sigmas in sigmas_of(name)]


@pytest.fixture(scope="module")
def own(engine: ImageEngine) -> Any:
    """The scheduler of Stable Diffusion 1.5; `engine` has imported torch already."""
    import diffusers

    made: Any = diffusers.PNDMScheduler
    return made(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1, skip_prk_steps=True,
        set_alpha_to_one=False,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "sigmas"), COMBINATIONS)
@pytest.mark.parametrize("steps", [1, 5, 61])
def test_levels_fall_from_the_first_to_the_last(own: Any, name: SchedulerName, sigmas: SigmasName, steps: int) -> None:
    from atelier_diffusion.torch_backend.noise_schedulers import new_scheduler

    scheduler = new_scheduler(name, own, steps, sigmas)
    timesteps = scheduler.timesteps.tolist()
    assert len(timesteps) >= steps * evaluations_of(name) - (evaluations_of(name) - 1)
    assert timesteps[0] <= 999
    assert all(after <= before + 1 for before, after in pairwise(timesteps))  # some are rounded
    if hasattr(scheduler, "sigmas"):
        levels = scheduler.sigmas.tolist()
        assert sorted(levels, reverse=True) == levels
        assert levels[-1] == 0


@pytest.mark.parametrize(
    ("sigmas", "first", "last"),
    [
        ("NORMAL", 999, 0),
        ("SGM_UNIFORM", 999, 100),
        ("SIMPLE", 999, 99),
        ("DDIM_UNIFORM", 901, 1),
        ("KARRAS", 999, 0),
        ("EXPONENTIAL", 999, 0),
        ("BETA", 999, 40),
    ],
)
def test_each_spacing_begins_and_ends_where_it_must(own: Any, sigmas: SigmasName, first: int, last: int) -> None:
    from atelier_diffusion.torch_backend.noise_schedulers import new_scheduler

    for name in ("EULER", "EULER_ANCESTRAL", "LMS", "HEUN"):
        timesteps = new_scheduler(name, own, 10, sigmas).timesteps.tolist()
        assert (round(timesteps[0]), round(timesteps[-1])) == (first, last)


def test_karras_levels_are_those_of_the_paper(own: Any) -> None:
    from atelier_diffusion.torch_backend.noise_schedulers import new_scheduler

    levels = np.array(new_scheduler("EULER", own, 10, "KARRAS").sigmas.tolist()[:-1])
    most, least = levels[0] ** (1 / 7), levels[-1] ** (1 / 7)
    assert np.allclose(levels, (most + np.linspace(0, 1, 10) * (least - most)) ** 7, rtol=1e-4)


def test_a_scheduler_without_sigmas_of_its_own_takes_eulers(own: Any) -> None:
    from atelier_diffusion.torch_backend.noise_schedulers import new_scheduler

    for sigmas in ("KARRAS", "EXPONENTIAL", "BETA", "SGM_UNIFORM"):
        lender, borrower = (new_scheduler(name, own, 10, sigmas) for name in ("EULER", "EULER_ANCESTRAL"))
        assert borrower.sigmas.tolist() == lender.sigmas.tolist()
        assert borrower.timesteps.tolist() == lender.timesteps.tolist()


def test_a_copy_of_a_scheduler_is_as_new_whatever_was_done_with_another(own: Any) -> None:
    import torch

    from atelier_diffusion.torch_backend.noise_schedulers import SchedulerTemplates

    templates = SchedulerTemplates(own)
    first, second = (templates.copy("DPMPP_2M", 4, "KARRAS") for _ in range(2))
    first.step(torch.ones(1, 4, 8, 8), first.timesteps[0], torch.ones(1, 4, 8, 8))
    assert first.step_index == 1
    assert second.step_index is None
    assert second.model_outputs == [None, None]
    assert (
        second.timesteps.tolist() == first.timesteps.tolist() != templates.copy("DPMPP_2M", 4, None).timesteps.tolist()
    )


def test_what_does_not_go_together_is_refused(engine: ImageEngine) -> None:
    with pytest.raises(EngineError, match="DDIM draws with NORMAL, SIMPLE, DDIM_UNIFORM only") as refused:
        engine.generate(replace(REQUEST, scheduler="DDIM", sigmas="KARRAS"))
    assert refused.value.reason == "INVALID_REQUEST"


@pytest.mark.parametrize(
    ("name", "sigmas"),
    [(name, "KARRAS" if "KARRAS" in sigmas_of(name) else "SIMPLE") for name in schedulers_of("betas")]
    + [(name, "BETA") for name in ("EULER", "EULER_ANCESTRAL", "DPMPP_2M", "DPMPP_2M_SDE", "UNIPC", "LMS", "HEUN")],
)
def test_a_red_circle_stays_one_whatever_the_levels(
    engine: ImageEngine, name: SchedulerName, sigmas: SigmasName
) -> None:
    pixels = engine.generate(replace(REQUEST, scheduler=name, sigmas=sigmas))[0].pixels
    red, blue = (
        np.median(pixels[112:144, 112:144].reshape(-1, 3), axis=0),
        np.median(pixels[:16].reshape(-1, 3), axis=0),
    )
    assert red[0] > 150 > red[2]
    assert blue[2] > 120 > blue[0]


@pytest.mark.parametrize("name", ["HEUN", "DPM2", "DPM2_ANCESTRAL", "DPMPP_SDE", "EULER"])
def test_a_step_is_a_step_however_often_the_network_runs(engine: ImageEngine, name: SchedulerName) -> None:
    steps: list[tuple[int, int]] = []

    def keep(report: StepReport) -> bool:
        steps.append((report.step, report.steps))
        return True

    engine.generate(replace(REQUEST, scheduler=name, steps=3, count=2), on_step=keep)
    assert steps == [(k, 6) for k in range(7)]


def test_a_wide_seed_reaches_torch_unchanged(engine: ImageEngine) -> None:
    quick = replace(REQUEST, steps=2)
    wide = replace(quick, seed=0, wide_seed=2**64 - 1, count=2)
    first, second = engine.generate(wide)
    assert (first.seed, second.seed) == (2**64 - 1, 0)
    assert np.array_equal(second.pixels, engine.generate(replace(quick, seed=0))[0].pixels)
    # torch's generator for the CPU reads the low 32 bits of a seed; the Brownian tree reads all.
    tree = replace(quick, seed=0, scheduler="DPMPP_SDE")
    low, high = (engine.generate(replace(tree, wide_seed=seed))[0] for seed in (1, 2**53 + 1))
    assert (low.seed, high.seed) == (1, 2**53 + 1)
    assert not np.array_equal(low.pixels, high.pixels)
    narrow, same = (replace(quick, seed=7), replace(quick, seed=0, wide_seed=7))
    assert np.array_equal(engine.generate(narrow)[0].pixels, engine.generate(same)[0].pixels)
