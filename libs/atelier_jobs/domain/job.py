"""Jobs: their fields, whatever they make. Spec and result are bytes that only the service of their kind reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from atelier_jobs.domain.claim_order import Priority
from atelier_jobs.domain.progress import Progress
from atelier_jobs.domain.states import State


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: a stable upper-case name, and one sentence for a person (no path, no SQL, no trace)."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of `jobs`. Times are microseconds since the epoch by the database's clock; 0 means not yet.

    `revision` counts the specs that the owner submitted under this id, `attempt` the claims of this revision (1 for the
    first), `faults` the attempts that count against `max_attempts`. `epoch` counts every claim and every fence over all
    revisions: writes with another epoch than the row's are refused. `priority`, `cost`, `affinity` and the place in
    virtual time decide when the job is claimed (see `claim_order`).
    """

    id: str
    owner: str
    kind: str
    state: State
    revision: int
    spec: bytes
    result: bytes | None
    failure: Failure | None
    attempt: int
    faults: int
    max_attempts: int
    epoch: int
    worker: str
    lease_until_us: int
    progress: Progress
    seq: int
    traceparent: str
    cached: bool
    create_us: int
    queue_us: int  # when it was last queued
    start_us: int  # when this revision was first claimed
    finish_us: int
    due_us: int = 0  # when it becomes claimable: retries are delayed
    priority: Priority = Priority.NORMAL
    parent_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    cost: float = 1.0
    affinity: str = ""
    virtual_start: float = 0.0
    virtual_finish: float = 0.0

    @property
    def cancel_requested(self) -> bool:
        """True from the request to stop until the worker has stopped."""
        return self.state is State.CANCELING
