"""Errors of the client."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from atelier.image.v1.image_pb2 import Image
    from atelier.jobs.v1.job_service_pb2 import Job
    from atelier.video.v1.video_pb2 import Video
    from atelier.workflow.v1.execution_pb2 import Execution


class AtelierApiError(Exception):
    """The mesh returned an error.

    Attributes:
        code: name of the gRPC status code, such as `NOT_FOUND`; the same over REST and gRPC.
        reason: stable upper-case name of the cause, listed in docs/contracts.md; empty when the response had none.
        message: one sentence for a person.
        fields: field of the request → what is wrong with it.
        trace_id: 32 hex digits that find the call in traces and logs; empty when unknown.
        retry_after_s: seconds after which the call may be repeated; None when the response contained none.
        details: those of the response (`google.rpc.Status`), as JSON; empty for errors raised by the client itself.
    """

    def __init__(
        self,
        code: str,
        reason: str,
        message: str,
        *,
        fields: Mapping[str, str] | None = None,
        trace_id: str = "",
        retry_after_s: float | None = None,
        details: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.fields: Mapping[str, str] = MappingProxyType(dict(fields or {}))
        self.trace_id = trace_id
        self.retry_after_s = retry_after_s
        self.details = tuple(details)

    def __str__(self) -> str:
        """One line: the message, the fields that it does not name yet, the reason and the trace id."""
        parts = [self.message or self.reason or self.code]
        parts += [f"{field}: {text}" for field, text in self.fields.items() if field not in self.message]
        line = "; ".join(parts) + f" ({self.reason or self.code})"
        return f"{line} [trace {self.trace_id}]" if self.trace_id else line


class CannotReachError(AtelierApiError):
    """No response was received, or it broke off.

    `delivered` is False when the request was certainly not sent, so that any call may be repeated.
    """

    def __init__(self, message: str, *, delivered: bool) -> None:
        super().__init__("UNAVAILABLE", "CANNOT_REACH", message)
        self.delivered = delivered


class IncompleteError(AtelierApiError):
    """The bytes received differ from those announced: the stream broke in a way that looked like its end."""

    def __init__(self, message: str) -> None:
        super().__init__("DATA_LOSS", "CONTENT_INCOMPLETE", message)


class UnreachableKindsError(AtelierApiError):
    """A list is incomplete, since services are unavailable. `kinds` are those whose records are missing."""

    def __init__(self, kinds: Collection[str]) -> None:
        self.kinds = tuple(sorted(kinds))
        text = f"the list is incomplete: the services of these kinds are unavailable: {', '.join(self.kinds)}"
        super().__init__("UNAVAILABLE", "KINDS_UNREACHABLE", text)


class JobFailedError(AtelierApiError):
    """The job that was waited for ended without a result: it failed or was cancelled.

    `job` is the record (a protobuf message) as it ended.
    """

    def __init__(self, job: "Image | Video | Execution | Job", *, canceled: bool) -> None:
        if canceled:
            text = f"the {job.DESCRIPTOR.name.lower()} was cancelled"
            super().__init__("CANCELLED", "JOB_CANCELED", text, trace_id=job.trace_id)
        else:
            super().__init__("ABORTED", job.error.reason, job.error.message, trace_id=job.trace_id)
        self.job = job

    @property
    def image(self) -> "Image":
        """`job`, typed as an image."""
        return cast("Image", self.job)
