"""Domain errors, each with a stable reason; `rpc_errors` maps them to gRPC statuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of a request that breaks a rule.

    `field` is the path as the caller wrote it (`width_px`, `metadata.colour`).
    """

    field: str
    description: str


class AtelierError(Exception):
    """An error with a stable reason, which is sent to the caller.

    `reason` is a stable upper-case name (docs/contracts.md lists them all); `message` is one sentence for a person and
    contains no path, no SQL and no secret. `code` is the name of the gRPC status code, so that the domain needs no
    grpc; `http_status` is for the cases in which HTTP has a better status than the one that the code maps to.
    """

    code: ClassVar[str] = "UNKNOWN"

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        fields: Sequence[FieldViolation] = (),
        retry_after_s: float | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})
        self.fields = tuple(fields)
        self.retry_after_s = retry_after_s
        self.http_status = http_status


class InvalidArgumentError(AtelierError):
    """The request is wrong, whatever the state of the system (HTTP 400)."""

    code = "INVALID_ARGUMENT"

    @classmethod
    def of_field(cls, field: str, description: str, *, reason: str = "INVALID_FIELD") -> "InvalidArgumentError":
        """One wrong field, named in the message too."""
        return cls(reason, f"{field}: {description}", fields=(FieldViolation(field, description),))


class UnauthenticatedError(AtelierError):
    """The caller has no valid credential (HTTP 401)."""

    code = "UNAUTHENTICATED"


class PermissionDeniedError(AtelierError):
    """The caller is authenticated but lacks the permission (HTTP 403)."""

    code = "PERMISSION_DENIED"


class NotFoundError(AtelierError):
    """The resource does not exist, or belongs to another owner: both give the same error (HTTP 404)."""

    code = "NOT_FOUND"


class AlreadyExistsError(AtelierError):
    """The resource exists with other content (HTTP 409)."""

    code = "ALREADY_EXISTS"


class FailedPreconditionError(AtelierError):
    """The resource is in a state that does not allow it (HTTP 400)."""

    code = "FAILED_PRECONDITION"


class AbortedError(AtelierError):
    """A concurrent writer was first (HTTP 409)."""

    code = "ABORTED"


class OutOfRangeError(AtelierError):
    """A position past the end (HTTP 400, or 416 for ranges)."""

    code = "OUT_OF_RANGE"


class ResourceExhaustedError(AtelierError):
    """A quota, a rate limit or a queue is exhausted (HTTP 429)."""

    code = "RESOURCE_EXHAUSTED"


class UnavailableError(AtelierError):
    """A dependency is unavailable; a retry may succeed (HTTP 503)."""

    code = "UNAVAILABLE"


class UnimplementedError(AtelierError):
    """The operation is not implemented (HTTP 501)."""

    code = "UNIMPLEMENTED"


class InternalError(AtelierError):
    """An internal error, which is a bug (HTTP 500)."""

    code = "INTERNAL"
