"""Errors that the domain names; `rpc_errors` maps them to the wire, once."""

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
    """Something that the caller is told.

    `reason` is a stable upper-case name (docs/contracts.md lists them all); `message` is one sentence for a person and
    holds no path, no SQL and no secret. `code` is the name of the gRPC status code, so that the domain needs no grpc;
    `http_status` is for the cases in which HTTP knows a better status than the one that the code maps to.
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
    """Nobody we know (HTTP 401)."""

    code = "UNAUTHENTICATED"


class PermissionDeniedError(AtelierError):
    """Somebody we know, who may not (HTTP 403)."""

    code = "PERMISSION_DENIED"


class NotFoundError(AtelierError):
    """Not there, or not yours: the two answer alike (HTTP 404)."""

    code = "NOT_FOUND"


class AlreadyExistsError(AtelierError):
    """There, and different (HTTP 409)."""

    code = "ALREADY_EXISTS"


class FailedPreconditionError(AtelierError):
    """Not in this state (HTTP 400)."""

    code = "FAILED_PRECONDITION"


class AbortedError(AtelierError):
    """Another writer won (HTTP 409)."""

    code = "ABORTED"


class OutOfRangeError(AtelierError):
    """Past the end (HTTP 400, or 416 for ranges)."""

    code = "OUT_OF_RANGE"


class ResourceExhaustedError(AtelierError):
    """Full, or over a limit (HTTP 429)."""

    code = "RESOURCE_EXHAUSTED"


class UnavailableError(AtelierError):
    """Something that we need is away; try again (HTTP 503)."""

    code = "UNAVAILABLE"


class UnimplementedError(AtelierError):
    """Not built yet (HTTP 501)."""

    code = "UNIMPLEMENTED"


class InternalError(AtelierError):
    """A bug of ours (HTTP 500)."""

    code = "INTERNAL"
