"""Which schedulers and which sigmas go together."""

import pytest

from atelier_diffusion.policy.noise_schedule import (
    KINDS,
    evaluations_of,
    family_of,
    refused_sigmas,
    schedulers_of,
    sigmas_of,
)
from atelier_diffusion.policy.request import SCHEDULERS, SIGMAS, SchedulerName


def test_every_scheduler_has_a_class_of_diffusers() -> None:
    assert {name for _, name in KINDS} == set(SCHEDULERS)


@pytest.mark.parametrize("scheduler", ["EULER", "EULER_ANCESTRAL", "DPMPP_2M", "DPMPP_2M_SDE", "HEUN", "LMS", "UNIPC"])
def test_these_go_with_all_sigmas(scheduler: SchedulerName) -> None:
    assert sigmas_of(scheduler) == SIGMAS


@pytest.mark.parametrize("scheduler", ["DPM2", "DPM2_ANCESTRAL", "DPMPP_SDE"])
def test_those_with_a_midpoint_take_no_timesteps(scheduler: SchedulerName) -> None:
    lacking = {"SGM_UNIFORM"} if scheduler == "DPMPP_SDE" else {"SGM_UNIFORM", "BETA"}
    assert set(SIGMAS) - set(sigmas_of(scheduler)) == lacking


def test_those_of_integer_timesteps_go_with_spacings_of_timesteps() -> None:
    assert sigmas_of("DDIM") == ("NORMAL", "SIMPLE", "DDIM_UNIFORM")
    assert sigmas_of("DDPM") == ("NORMAL", "SGM_UNIFORM", "SIMPLE", "DDIM_UNIFORM")


def test_what_does_not_go_together_is_refused_with_what_does() -> None:
    assert refused_sigmas("EULER", "KARRAS") == ""
    assert refused_sigmas("DDIM", "KARRAS") == "DDIM draws with NORMAL, SIMPLE, DDIM_UNIFORM only, not with KARRAS"
    assert refused_sigmas("LCM", "KARRAS", "lcm") == "LCM draws with SGM_UNIFORM only, not with KARRAS"
    assert refused_sigmas("DDIM", "KARRAS", "own") == "DDIM draws with the model's own sigmas only, not with KARRAS"


def test_a_family_is_known_by_its_schedulers() -> None:
    assert family_of(schedulers_of("betas")) == "betas"
    assert family_of(schedulers_of("edm")) == "edm"
    assert family_of(("EULER",)) == "own"
    assert family_of(()) == "own"


def test_some_schedulers_run_the_network_twice_a_step() -> None:
    twice = {name for name in SCHEDULERS if evaluations_of(name) == 2}
    assert twice == {"HEUN", "DPM2", "DPM2_ANCESTRAL", "DPMPP_SDE"}
