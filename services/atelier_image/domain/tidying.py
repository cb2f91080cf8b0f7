"""Which files of a job can go."""

from atelier_image.domain.ports import Assets, ResultCache
from atelier_image.domain.result import Result, Source
from atelier_jobs.job import Job
from atelier_jobs.states import State
from atelier_jobs.store import JobStore
from atelier_service.errors import NotFoundError


class Tidying:
    """Removes files that no image refers to any more. Every step is idempotent: what fails is done again, whole."""

    def __init__(self, jobs: JobStore, cache: ResultCache, assets: Assets) -> None:
        self._jobs = jobs
        self._cache = cache
        self._assets = assets

    async def tidy(self, owner: str, job_id: str) -> None:
        """Removes what the job stored and nobody refers to, and what only this job referred to of others.

        A job that runs is left alone: it may be storing files right now, and its end asks again. Raises
        UnavailableError while storage or the database is away.
        """
        job = await self._find(owner, job_id)
        if job is not None and not job.state.terminal:
            return
        current = source_of(job)
        settled = await self._cache.settle(job_id, current)
        for source in settled.released:
            await self.tidy(owner, source.job_id)
            await self._cache.forget(job_id, source)
        kept = settled.kept_epochs
        if current is not None and current.job_id == job_id:
            kept |= {current.epoch}
        if len(kept) > 1 or (job is not None and job.epoch == 0):
            return  # With two kept, whatever other epochs left behind goes when one of the two is let go.
        # Epochs after the present one are left alone: somebody may have the job made anew right now.
        up_to_epoch = job.epoch if job is not None else 0
        await self._assets.delete_of_job(job_id, keep_epoch=max(kept, default=0), up_to_epoch=up_to_epoch)

    async def tidy_leftovers(self, min_age_s: float) -> None:
        """Lets go of what images refer to that were never recorded: the process died in between."""
        for owner, job_id in await self._cache.unowned(min_age_s):
            await self.tidy(owner, job_id)

    async def _find(self, owner: str, job_id: str) -> Job | None:
        try:
            return await self._jobs.get(owner, job_id)
        except NotFoundError:
            return None


def source_of(job: Job | None) -> Source | None:
    """Where the files of a finished image are; None for all other jobs."""
    if job is None or job.state is not State.SUCCEEDED or job.result is None:
        return None
    return Result.from_bytes(job.result).source
