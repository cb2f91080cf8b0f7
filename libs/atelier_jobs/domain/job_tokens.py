"""Job tokens: the port that mints the credential with which a worker uses the files of one claim."""

from typing import Protocol

from atelier_jobs.domain.job import Job


class JobTokens(Protocol):
    """Mints tokens for the files of one claim of one job."""

    async def mint(self, job: Job, *, worker: str, lease_s: float) -> str:
        """Mints the token for a claim.

        Args:
            job: The job as it was when it was claimed: owner, epoch and spec decide what the token permits.
            worker: Name of the service whose worker has claimed it.
            lease_s: Seconds until the lease ends, and the token with it.

        Returns:
            The token; empty while none can be minted: the worker gets one with its next renewal.
        """
        ...
