"""The token of a parent: what a call with it may do is limited to jobs whose parent is the token's job."""

from atelier_jobs.domain.job import Job
from atelier_service.errors import NotFoundError, PermissionDeniedError
from atelier_service.identity import current_principal


def check_parent_id(parent_id: str) -> bool:
    """Checks the parent of a new job.

    Args:
        parent_id: The parent that the request names; empty: none.

    Returns:
        True when the caller's credential is the token of that parent, which proves that the job exists and is the
        caller's.

    Raises:
        PermissionDeniedError: The caller's credential is the token of another job.
    """
    grant = current_principal().job
    if grant is None:
        return False
    if parent_id != grant.job_id:
        raise PermissionDeniedError(
            "JOB_TOKEN", "the token of a job makes jobs whose parent is that job, and no others"
        )
    return True


def check_child(job: Job) -> None:
    """Raises NotFoundError when the caller's credential is the token of a job that is not the parent of `job`."""
    grant = current_principal().job
    if grant is not None and job.parent_id != grant.job_id:
        raise NotFoundError("JOB_NOT_FOUND", "there is no such job", metadata={"job_id": job.id})
