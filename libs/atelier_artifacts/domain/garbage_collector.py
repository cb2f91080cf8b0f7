"""Garbage collection of stored files."""

from typing import Protocol

from atelier_artifacts.domain.result_cache import ResultCache
from atelier_artifacts.domain.stored_files import producer_of


class Assets(Protocol):
    """Files in storage that can be deleted."""

    async def delete_of_job(self, job_id: str, *, keep_epoch: int, up_to_epoch: int) -> None:
        """Deletes the files that a job has stored.

        Args:
            job_id: The job.
            keep_epoch: The epoch whose files stay; 0: none.
            up_to_epoch: The last epoch whose files are deleted; 0: all.

        Raises:
            UnavailableError: Storage is unavailable.
        """
        ...


class GarbageCollector:
    """Deletes files to which no job refers any more. Steps are idempotent: after a failure `collect` is repeated."""

    def __init__(self, cache: ResultCache, assets: Assets) -> None:
        self._cache = cache
        self._assets = assets

    async def collect(self, job_id: str) -> None:
        """Deletes the files of a job to which no job refers, and files of others to which only this job referred.

        Nothing is deleted for a job that has not ended: it may be storing files now, and its end calls again.

        Raises:
            UnavailableError: Storage or the database is unavailable.
        """
        settled = await self._cache.settle(job_id, producer_of)
        if settled is None:
            return
        for source in settled.released:
            await self.collect(source.job_id)
            await self._cache.forget(job_id, source)
        job, referenced, current = settled.job, settled.referenced_epochs, producer_of(settled.job)
        if current is not None and current.job_id == job_id:
            referenced |= {current.epoch}
        if len(referenced) > 1 or (job is not None and job.epoch == 0):
            return  # A deletion keeps one epoch at most: it waits until one of the two is released.
        # Epochs after the present one stay: the job may have been restarted meanwhile.
        up_to_epoch = job.epoch if job is not None else 0
        await self._assets.delete_of_job(job_id, keep_epoch=max(referenced, default=0), up_to_epoch=up_to_epoch)
