"""Garbage collection of stored files."""

from typing import Protocol

from atelier_artifacts.domain.result_cache import ResultCache
from atelier_artifacts.domain.stored_files import source_of


class Assets(Protocol):
    """Files in storage that can be deleted."""

    async def delete_of_job(self, job_id: str, *, keep_epoch: int, up_to_epoch: int) -> None:
        """Removes what a job stored but for one epoch (0 keeps none) and those after `up_to_epoch` (0: no such bound).

        Raises UnavailableError.
        """
        ...


class GarbageCollector:
    """Removes files that no job refers to any more. Every step is idempotent: what fails is done again, whole."""

    def __init__(self, cache: ResultCache, assets: Assets) -> None:
        self._cache = cache
        self._assets = assets

    async def collect(self, job_id: str) -> None:
        """Removes what the job stored and nobody refers to, and what only this job referred to of others.

        A job that has not ended is left alone: it may be storing files right now, and its end asks again. Raises
        UnavailableError while storage or the database is away.
        """
        settled = await self._cache.settle(job_id, source_of)
        if settled is None:
            return
        for source in settled.released:
            await self.collect(source.job_id)
            await self._cache.forget(job_id, source)
        job, kept, current = settled.job, settled.kept_epochs, source_of(settled.job)
        if current is not None and current.job_id == job_id:
            kept |= {current.epoch}
        if len(kept) > 1 or (job is not None and job.epoch == 0):
            return  # With two kept, whatever other epochs left behind goes when one of the two is let go.
        # Epochs after the present one are left alone: somebody may have the job made anew right now.
        up_to_epoch = job.epoch if job is not None else 0
        await self._assets.delete_of_job(job_id, keep_epoch=max(kept, default=0), up_to_epoch=up_to_epoch)
