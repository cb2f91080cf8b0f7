"""Domain events: what changed about a job, as it is stored beside the job and in the outbox."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from atelier_jobs.domain.job import Failure, Job
from atelier_jobs.domain.progress import Progress
from atelier_jobs.domain.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One durable event: the fields of a job that its watchers see, as they were after a change.

    It holds no URL and no message of a contract: those are made where it is sent (see EventFactory), from the
    configuration of that time. `seq` numbers the events of a job, from 1 and without gaps. `time_us`: microseconds
    since the epoch, by the database's clock.
    """

    job_id: str
    kind: str
    seq: int
    revision: int
    epoch: int
    attempt: int
    state: State
    failure: Failure | None
    cached: bool
    progress: Progress
    result: bytes | None
    traceparent: str
    time_us: int

    @classmethod
    def of(cls, job: Job, time_us: int) -> "JobEvent":
        """Makes the event of the change that led to `job`."""
        return cls(
            job_id=job.id, kind=job.kind, seq=job.seq, revision=job.revision, epoch=job.epoch, attempt=job.attempt,
            state=job.state, failure=job.failure, cached=job.cached, progress=job.progress, result=job.result,
            traceparent=job.traceparent, time_us=time_us,
        )  # fmt: skip

    def to_bytes(self) -> bytes:
        """Encodes the event as JSON for an outbox row, which remains when the job is deleted."""
        fields = {name: getattr(self, name) for name in _PLAIN}
        progress = {name: getattr(self.progress, name) for name in _PROGRESS_PLAIN}
        fields["state"] = int(self.state)
        fields["failure"] = None if self.failure is None else [self.failure.reason, self.failure.message]
        fields["progress"] = progress | {"detail": _text(self.progress.detail)}
        fields["result"] = _text(self.result)
        return json.dumps(fields, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "JobEvent":
        """Decodes what `to_bytes` encoded."""
        fields: dict[str, Any] = json.loads(data)
        progress, failure = fields["progress"], fields["failure"]
        return cls(
            **{name: fields[name] for name in _PLAIN},
            state=State(fields["state"]),
            failure=None if failure is None else Failure(*failure),
            progress=Progress(**progress | {"detail": _bytes(progress["detail"]) or b""}),
            result=_bytes(fields["result"]),
        )


_PLAIN = ("job_id", "kind", "seq", "revision", "epoch", "attempt", "cached", "traceparent", "time_us")
_PROGRESS_PLAIN = ("stage", "done", "total", "unit", "fraction")


def _text(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)
