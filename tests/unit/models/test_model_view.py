"""A model over all its workers."""

from dataclasses import replace
from typing import Any

import pytest

from atelier_diffusion.policy.model_card import FileFacts
from atelier_models.domain.model_view import EngineVersion, ModelReport, ModelState, engine_versions, file_facts, view
from tests.unit.models.cards import DEMO, HUB

UNLOADED, LOADING, READY, FAILED = ModelState


def report(state: ModelState, **fields: Any) -> ModelReport:
    known: dict[str, Any] = {"worker_id": "w", "model_id": "demo", "engine": EngineVersion("r2", "torch")}
    return ModelReport(state=state, **(known | fields))


def test_without_workers_a_model_is_unloaded() -> None:
    model = view(DEMO, [])
    assert (model.state, model.revision) == (UNLOADED, "r1")


@pytest.mark.parametrize(("states", "best"), [
    ([UNLOADED, READY, FAILED], READY), ([UNLOADED, LOADING, FAILED], LOADING), ([UNLOADED, FAILED], FAILED),
    ([UNLOADED, UNLOADED], UNLOADED),
])  # fmt: skip
def test_the_best_worker_counts(states: list[ModelState], best: ModelState) -> None:
    assert view(DEMO, map(report, states)).state is best


def test_reports_of_a_dead_worker_are_ignored() -> None:
    assert view(DEMO, [report(READY, alive=False), report(LOADING)]).state is LOADING
    assert view(DEMO, [report(READY, alive=False)]).state is UNLOADED


def test_a_failure_has_its_reason() -> None:
    older = report(FAILED, reason="MODEL_NOT_FOUND", message="no such folder", update_us=1)
    newer = report(FAILED, reason="MODEL_TOO_LARGE", message="too large", update_us=2)
    model = view(DEMO, [older, newer])
    assert (model.reason, model.message) == ("MODEL_TOO_LARGE", "too large")


def test_what_other_models_do_is_of_no_interest() -> None:
    assert view(HUB, [report(READY)]).state is UNLOADED


EDM = FileFacts("EULER", ("EULER", "DPMPP_2M"), 77)


def test_facts_from_a_hubs_files_complete_its_card() -> None:
    assert (HUB.defaults.scheduler, HUB.prompt_max_tokens) == ("DPMPP_2M", 0)
    card = view(HUB, [report(READY, model_id="hub", facts=EDM)]).card
    assert (card.defaults.scheduler, card.schedulers, card.prompt_max_tokens) == ("EULER", ("EULER", "DPMPP_2M"), 77)


def test_a_scheduler_that_the_catalogue_names_stays_the_default() -> None:
    named = replace(HUB, has_scheduler=True)
    assert view(named, [report(READY, model_id="hub", facts=EDM)]).card.defaults.scheduler == "DPMPP_2M"


def test_what_a_dead_worker_knew_of_the_files_holds_until_a_living_one_knows_them() -> None:
    dead = report(READY, facts=EDM, alive=False, update_us=2)
    living = report(READY, facts=FileFacts("DDIM"), update_us=1)
    assert file_facts("demo", [dead, report(UNLOADED, update_us=3)]) == EDM
    assert file_facts("demo", [dead, living]) == FileFacts("DDIM")


def test_the_engines_of_living_workers_draw() -> None:
    mine, other = EngineVersion("r1", "torch 2"), EngineVersion("r1", "torch 3")
    reports = [report(READY, engine=mine), report(READY, engine=mine), report(READY, engine=other, alive=False)]
    assert engine_versions("demo", reports) == (mine,)


def test_engine_versions_of_dead_workers_are_not_used() -> None:
    assert engine_versions("demo", [report(UNLOADED, alive=False)]) == ()
    assert (
        engine_versions("demo", [report(READY, alive=False), report(UNLOADED, engine=EngineVersion("", "torch"))]) == ()
    )


def test_an_unknown_revision_has_no_engine_version() -> None:
    assert engine_versions("hub", [report(UNLOADED, model_id="hub", engine=EngineVersion("", "torch"))]) == ()
