"""A cache of the jobs that workers hold, in one process of the plane."""

import asyncio
from collections import OrderedDict

from atelier.jobs.v1 import worker_service_pb2
from atelier_jobs.domain.claims import HeldJobs
from atelier_jobs.domain.job import Job
from atelier_service.errors import UnavailableError

_REMEMBERED = 4096
_LOOK_EVERY_S = 1.0


class HeldJobCache:
    """Finds the job of a claim without a statement for each report of progress.

    Claims that went through this process are cached. Those of another process, or from before a restart, are read from
    the database, at most once a second for each worker. The claim of a job that is found may have been fenced since.
    """

    def __init__(self, jobs: HeldJobs, kind: str) -> None:
        self._jobs = jobs
        self._kind = kind
        self._remembered: OrderedDict[tuple[str, int], Job] = OrderedDict()
        self._looked: OrderedDict[str, float] = OrderedDict()

    def remember(self, job: Job) -> None:
        """Adds a job that a worker has claimed."""
        self._remembered[job.id, job.epoch] = job
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)

    def forget(self, claim: worker_service_pb2.JobClaim) -> None:
        """Removes the job of a claim that has ended."""
        self._remembered.pop((claim.job_id, claim.epoch), None)

    async def find(self, worker_id: str, claim: worker_service_pb2.JobClaim) -> Job | None:
        """Returns the job that `worker_id` holds under this claim; None when it holds none, or that is unknown now."""
        key = (claim.job_id, claim.epoch)
        if key not in self._remembered and self._may_look(worker_id):
            try:
                for held in await self._jobs.held_by(self._kind, worker_id):
                    self.remember(held)
            except UnavailableError:
                return None
        job = self._remembered.get(key)
        return job if job is not None and job.worker == worker_id else None

    def _may_look(self, worker_id: str) -> bool:
        now = asyncio.get_running_loop().time()
        if now - self._looked.get(worker_id, float("-inf")) < _LOOK_EVERY_S:
            return False
        self._looked[worker_id] = now
        self._looked.move_to_end(worker_id)
        while len(self._looked) > _REMEMBERED:
            self._looked.popitem(last=False)
        return True
