"""The port through which the plane gets a job token: what a worker may do on behalf of a job's owner."""

from typing import Protocol

from atelier_jobs.domain.job import Job


class JobTokens(Protocol):
    """Makes tokens that open the files of one claim of one job."""

    async def mint(self, job: Job, *, worker: str, lease_s: float) -> str:
        """Makes the token for a claim.

        Args:
            job: The job as it was claimed: its owner, its epoch and its spec decide what the token opens.
            worker: Name of the service whose worker has claimed it.
            lease_s: Seconds until the lease ends, and the token with it.

        Returns:
            The token; empty while none can be made: the worker gets one with its next renewal.
        """
        ...
