"""When a request is looked at."""

from typing import Any

import pytest

from atelier_generation.domain.generations import Generations
from atelier_image.domain.kind import IMAGE
from atelier_image.domain.parameters import AskedImage, resolve
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.store import Submitted
from atelier_service.errors import NotFoundError
from tests.unit.generation.cards import CATALOGUE
from tests.unit.image.test_image_messages import QUEUED


class Store:
    """Jobs, of which the first has the key `k`."""

    def __init__(self) -> None:
        self.submitted = 0

    async def repeat_of(self, owner: str, key: str, request_hash: bytes) -> Job | None:
        return QUEUED if key == "k" else None

    async def submit(self, *_: Any, **__: Any) -> Submitted:
        self.submitted += 1
        return Submitted(QUEUED, repeated=False)


async def _refuse() -> None:
    raise NotFoundError("ASSET_NOT_FOUND", "it was removed since")


def _generations(store: Any) -> Generations[AskedImage]:
    nothing: Any = None
    return Generations(IMAGE, resolve, store, CATALOGUE, nothing, nothing, limits=nothing, max_attempts=1)


async def test_a_repeat_answers_the_first_job_also_when_it_would_be_refused_by_now() -> None:
    submitted = await _generations(Store()).submit("ada", AskedImage(prompt="x"), key="k", check=_refuse)
    assert (submitted.job, submitted.repeated) == (QUEUED, True)


async def test_what_is_refused_is_not_recorded() -> None:
    store = Store()
    with pytest.raises(NotFoundError):
        await _generations(store).submit("ada", AskedImage(prompt="x"), key="another", check=_refuse)
    assert store.submitted == 0
