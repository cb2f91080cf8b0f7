"""Job tokens from auth: the adapter of JobTokens."""

import math
from collections.abc import Callable, Sequence

import grpc.aio
import structlog

from atelier.auth.v1 import auth_pb2, auth_pb2_grpc
from atelier_jobs.domain.job import Job

logger = structlog.get_logger()

# A claim waits no longer for auth: the job begins without a token, and gets one with a renewal.
_DEADLINE_S = 2.0
_LONGEST_S = 3600


def no_assets(_job: Job) -> Sequence[str]:
    """The `assets_of` of kinds whose specs name no assets."""
    return ()


class AuthJobTokens:
    """A JobTokens that calls auth."""

    def __init__(
        self,
        auth: grpc.aio.Channel,
        assets_of: Callable[[Job], Sequence[str]] = no_assets,
        *,
        are_parents: bool = False,
    ) -> None:
        """Creates the adapter.

        Args:
            auth: A channel to auth, with the token of the service that serves the jobs.
            assets_of: Returns the ids of the owner's assets that the spec of a job names, which its worker may read.
            are_parents: The jobs have jobs of their own, which their workers submit, watch and cancel.
        """
        self._stub = auth_pb2_grpc.AuthServiceStub(auth)
        self._assets_of = assets_of
        self._are_parents = are_parents

    async def mint(self, job: Job, *, worker: str, lease_s: float) -> str:
        """See JobTokens.mint."""
        request = auth_pb2.CreateJobTokenRequest(
            user_id=job.owner,
            worker=worker,
            kind=job.kind,
            job_id=job.id,
            epoch=job.epoch,
            asset_ids=self._assets_of(job),
            expires_in_s=min(_LONGEST_S, math.ceil(lease_s)),
            is_parent=self._are_parents,
        )
        try:
            response = await self._stub.CreateJobToken(request, timeout=_DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            logger.warning("no token for a job yet", job_id=job.id, code=error.code().name)
            return ""
        return response.access_token
