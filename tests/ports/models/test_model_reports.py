"""What workers say of their models, on every database."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from atelier_diffusion.policy.latent_format import LatentFormat
from atelier_diffusion.policy.model_card import NO_FACTS, FileFacts
from atelier_jobs.sql.schema import SCHEMA
from atelier_jobs.sql.service_database import open_database
from atelier_models.adapters.model_reports import SqlModelReports
from atelier_models.adapters.tables import model_tables
from atelier_models.domain.model_view import EngineVersion, ModelReport, ModelState
from atelier_service.migrations.upgrade import upgrade

TABLES = model_tables("image")
READY = ModelReport(
    worker_id="w1", model_id="demo", state=ModelState.READY, engine=EngineVersion("r1", "torch"), memory_bytes=9
)
FAILED = ModelReport(
    worker_id="w1", model_id="big", state=ModelState.FAILED, engine=EngineVersion("", "torch"),
    reason="MODEL_TOO_LARGE", message="too large",
)  # fmt: skip


@pytest.fixture
async def reports(database_url: str) -> AsyncIterator[SqlModelReports]:
    await upgrade(database_url, (SCHEMA, TABLES.schema))
    async with open_database(database_url, TABLES.schema, origin="test") as database:
        yield SqlModelReports(database, TABLES)


async def told(reports: SqlModelReports) -> dict[str, ModelReport]:
    return {report.model_id: report for report in await reports.all()}


async def test_a_report_is_returned_as_it_was_sent(reports: SqlModelReports) -> None:
    await reports.store("w1", [READY, FAILED])
    said = await told(reports)
    assert (said["demo"].state, said["demo"].engine, said["demo"].memory_bytes) == (ModelState.READY, READY.engine, 9)
    assert (said["big"].reason, said["big"].message) == ("MODEL_TOO_LARGE", "too large")
    assert all(report.alive and report.update_us for report in said.values())
    assert await reports.workers_alive()


async def test_facts_from_the_files_of_a_model_are_reported(reports: SqlModelReports) -> None:
    facts = FileFacts("EULER", ("EULER", "DPMPP_2M"), 77, LatentFormat("sd15", 4, 8, 0.18215))
    await reports.store("w1", [replace(READY, facts=facts), FAILED])
    said = await told(reports)
    assert (said["demo"].facts, said["big"].facts) == (facts, NO_FACTS)


async def test_the_last_report_counts(reports: SqlModelReports) -> None:
    await reports.store("w1", [READY])
    await reports.store(
        "w1", [ModelReport(worker_id="w1", model_id="demo", state=ModelState.UNLOADED, engine=READY.engine)]
    )
    assert (await told(reports))["demo"].state is ModelState.UNLOADED


async def test_a_worker_that_left_is_dead_and_its_last_report_is_retained(reports: SqlModelReports) -> None:
    await reports.store("w1", [READY])
    await reports.sign_off("w1")
    assert not await reports.workers_alive()
    assert not (await told(reports))["demo"].alive


async def test_a_worker_without_models_is_alive(reports: SqlModelReports) -> None:
    assert not await reports.workers_alive()
    await reports.store("w1")
    assert await reports.workers_alive()
    assert not await told(reports)
