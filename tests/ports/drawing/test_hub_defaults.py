"""What a request for a model of a hub gets where it sets nothing."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from atelier_artifacts.adapters.result_cache import SqlResultCache
from atelier_artifacts.adapters.tables import artifact_tables
from atelier_diffusion.policy.model_card import FileFacts
from atelier_drawing.domain.drawings import Drawings
from atelier_image.domain.image import IMAGE
from atelier_image.domain.parameters import AskedImage, ImageParameters, resolve
from atelier_jobs.domain.owner_jobs import OwnerJobs
from atelier_jobs.domain.store import NO_LIMITS
from atelier_models.domain.model_view import EngineVersion, ModelReport, ModelState
from atelier_service.errors import InvalidArgumentError
from tests.ports.jobs.plane import Plane, open_plane
from tests.unit.models.cards import CATALOGUE

EDM = FileFacts("EULER", ("EULER", "DPMPP_2M"), 77)
KNOWN = ModelReport(
    worker_id="w", model_id="hub", state=ModelState.READY, engine=EngineVersion("r2", "torch"), facts=EDM
)


class Reports:
    """The reports of one worker. A ModelReports."""

    def __init__(self) -> None:
        self.reports: list[ModelReport] = []

    async def all(self) -> Sequence[ModelReport]:
        return self.reports

    async def workers_alive(self) -> bool:
        return bool(self.reports)


@pytest.fixture
async def plane(database_url: str) -> AsyncIterator[Plane]:
    async with open_plane(database_url) as plane:
        yield plane


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def drawings(plane: Plane, reports: Reports) -> Drawings[AskedImage]:
    jobs = OwnerJobs(IMAGE, plane.jobs, limits=NO_LIMITS, max_attempts=3)
    cache = SqlResultCache(plane.database, artifact_tables(IMAGE.name))
    return Drawings(jobs, resolve, CATALOGUE, reports, cache)


async def scheduler_of(drawings: Drawings[AskedImage], asked: AskedImage) -> str:
    """The scheduler that the job of this request is drawn with."""
    submitted = await drawings.submit("ada", asked)
    return ImageParameters.from_bytes(submitted.job.spec).request.scheduler


async def test_its_own_scheduler_once_a_worker_has_its_files(drawings: Drawings[AskedImage], reports: Reports) -> None:
    asked = AskedImage(prompt="a cat", model="hub")
    assert await scheduler_of(drawings, asked) == "DPMPP_2M"

    reports.reports = [KNOWN]

    assert await scheduler_of(drawings, asked) == "EULER"
    assert await scheduler_of(drawings, replace(asked, scheduler="DPMPP_2M")) == "DPMPP_2M"


async def test_a_scheduler_that_it_cannot_be_drawn_with_is_refused_once_that_is_known(
    drawings: Drawings[AskedImage], reports: Reports
) -> None:
    asked = AskedImage(prompt="a cat", model="hub", scheduler="DDIM")
    assert await scheduler_of(drawings, asked) == "DDIM"

    reports.reports = [KNOWN]

    with pytest.raises(InvalidArgumentError, match="draws with EULER or DPMPP_2M only"):
        await scheduler_of(drawings, asked)
