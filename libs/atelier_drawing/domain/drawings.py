"""Submitting and changing drawings: parameters are filled in, and an earlier result of the same request is used."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from atelier_artifacts.domain.result_cache import Hit, HitGoneError, ResultCache
from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.model_card import ModelCard
from atelier_diffusion.policy.request import DrawingRequest
from atelier_drawing.domain.parameters import AskedDrawing, DrawingParameters
from atelier_drawing.domain.result import cache_key
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.owner_jobs import NO_KEY, USUAL, IdempotencyKey, OwnerJobs, Placement
from atelier_jobs.domain.store import Submitted
from atelier_models.domain.model_view import ModelReport, engine_versions, file_facts
from atelier_models.domain.models import ModelReports
from atelier_service.errors import InvalidArgumentError
from atelier_service.ids import uuid7

AskedT = TypeVar("AskedT", bound=AskedDrawing)
RecordedT = TypeVar("RecordedT")

Resolve = Callable[[AskedT, ModelCard, Callable[[], int]], DrawingParameters[DrawingRequest]]
"""Sets what a caller left out; see `resolve_request`. Raises InvalidArgumentError."""


def random_seed() -> int:
    """Returns a seed for a request without one: 32 random bits."""
    return secrets.randbits(32)


class Drawings(Generic[AskedT]):
    """Jobs that draw with a model of the catalogue."""

    def __init__(
        self,
        jobs: OwnerJobs,
        resolve: Resolve[AskedT],
        catalogue: Catalogue,
        reports: ModelReports,
        cache: ResultCache,
        *,
        draw_seed: Callable[[], int] = random_seed,
    ) -> None:
        self._jobs = jobs
        self._fill_in = resolve
        self._catalogue = catalogue
        self._reports = reports
        self._cache = cache
        self._draw_seed = draw_seed

    async def submit(
        self, owner: str, asked: AskedT, key: IdempotencyKey = NO_KEY, placement: Placement = USUAL
    ) -> Submitted:
        """Submits a drawing, which is SUCCEEDED at once when the content cache has its result.

        Args:
            owner: Owner of the job.
            asked: The parameters as the caller sent them.
            key: The idempotency key.
            placement: Priority and parent.

        Raises:
            InvalidArgumentError: The model is unknown, or cannot draw with these parameters.
            AtelierError: What OwnerJobs.submit raises.
        """
        parameters, reports = await self._resolve(asked)
        job_id = uuid7()

        async def record(hit: Hit | None) -> Submitted:
            return await self._jobs.submit(
                owner, job_id, parameters.to_bytes(), cost=parameters.cost, affinity=parameters.model,
                labels=parameters.metadata, placement=placement, key=key, result=hit.result if hit else None,
                hook=self._cache.adopting(owner, job_id, hit) if hit else None,
            )  # fmt: skip

        return await self._recorded(await self._cached(owner, asked, parameters, reports), record)

    async def update(self, owner: str, job_id: str, asked: AskedT) -> Job:
        """Gives a drawing new parameters, in place or as the next revision.

        Raises:
            InvalidArgumentError: The model is unknown, or cannot draw with these parameters.
            AtelierError: What OwnerJobs.restart raises.
        """
        parameters, reports = await self._resolve(asked)
        await self._jobs.get(owner, job_id)  # the cache is not searched for a job that does not exist

        async def record(hit: Hit | None) -> Job:
            return await self._jobs.restart(
                owner, job_id, parameters.to_bytes(), cost=parameters.cost, affinity=parameters.model,
                labels=parameters.metadata, result=hit.result if hit else None,
                hook=self._cache.adopting(owner, job_id, hit) if hit else None,
            )  # fmt: skip

        return await self._recorded(await self._cached(owner, asked, parameters, reports), record)

    def _card(self, model_id: str) -> ModelCard:
        try:
            return self._catalogue.get(model_id)
        except EngineError as error:
            text = "is no model of the catalogue"
            raise InvalidArgumentError.of_field("model", text, reason="UNKNOWN_MODEL") from error

    async def _resolve(self, asked: AskedT) -> tuple[DrawingParameters[DrawingRequest], Sequence[ModelReport] | None]:
        """Returns the parameters, and the workers' reports where they had to be read."""
        card, reports = self._card(asked.model), None
        if card.folder is None:  # the files of a hub's model are on the workers
            reports = await self._reports.all()
            card = card.with_facts(file_facts(card.id, reports))
        return self._fill_in(asked, card, self._draw_seed), reports

    async def _cached(
        self,
        owner: str,
        asked: AskedT,
        parameters: DrawingParameters[DrawingRequest],
        reports: Sequence[ModelReport] | None,
    ) -> Hit | None:
        """Finds an earlier result of the same request. Its files exist, as some job refers to them."""
        if not asked.is_seeded:
            return None  # a new seed is in no cache
        engines = engine_versions(parameters.model, await self._reports.all() if reports is None else reports)
        if not engines:
            return None
        return await self._cache.find(owner, [cache_key(parameters, engine) for engine in engines])

    async def _recorded(self, hit: Hit | None, record: Callable[[Hit | None], Awaitable[RecordedT]]) -> RecordedT:
        """Records the job with its reference to the files of `hit`, or queues it without one."""
        if hit is not None:
            try:
                return await record(hit)
            except HitGoneError:
                pass  # the files were released since: the job is queued
        return await record(None)
