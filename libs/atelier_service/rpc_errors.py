"""RPC errors: conversion of named errors to `google.rpc.Status` and back."""

from collections.abc import Awaitable, Iterable
from typing import TypeVar

import grpc
import grpc.aio
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from atelier_service import errors
from atelier_service.errors import AtelierError, FieldViolation

DOMAIN = "atelier"

# A status is sent in trailers, which gRPC and proxies limit to 16 KiB: a longer one fails the call without its error.
_LONGEST_TEXT = 1000
_MOST_VIOLATION_BYTES = 8000

T = TypeVar("T")

_BY_CODE: dict[str, type[AtelierError]] = {
    e.code: e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, AtelierError)
}


def _packed(message: object) -> any_pb2.Any:
    detail = any_pb2.Any()
    detail.Pack(message)  # type: ignore[arg-type]
    return detail


def to_status(error: AtelierError) -> status_pb2.Status:
    """Returns the status of `error`: exactly one ErrorInfo, and BadRequest and RetryInfo where they apply.

    Long texts are truncated, and the last of many violations are left out.
    """
    code = grpc.StatusCode[error.code].value[0]
    status = status_pb2.Status(code=code, message=_cut(error.message))
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)
    status.details.append(_packed(info))
    if error.fields:
        status.details.append(_packed(_bad_request(error.fields)))
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(error.retry_after_s * 1e9))
        status.details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status


def _bad_request(fields: Iterable[FieldViolation]) -> error_details_pb2.BadRequest:
    found = error_details_pb2.BadRequest()
    size = 0
    for fault in fields:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=_cut(fault.field), description=_cut(fault.description)
        )
        size += violation.ByteSize()
        if size > _MOST_VIOLATION_BYTES:
            break
        found.field_violations.append(violation)
    return found


def _cut(text: str) -> str:
    """Truncates a text to `_LONGEST_TEXT` bytes of UTF-8."""
    if len(text.encode()) <= _LONGEST_TEXT:
        return text
    return f"{text.encode()[:_LONGEST_TEXT].decode(errors='ignore')}…"


def from_rpc_error(error: grpc.RpcError) -> AtelierError:
    """Returns the error that another service raised, from the status of the call.

    A status without details (the peer is unavailable, a deadline) keeps its code; its reason is UPSTREAM_<CODE>.
    """
    code = error.code()
    kind = _BY_CODE.get(
        code.name,
        errors.UnavailableError if code is grpc.StatusCode.DEADLINE_EXCEEDED else errors.InternalError,
    )
    status = rpc_status.from_call(error)
    if status is None:
        text = "a service that this needs is not available" if kind is errors.UnavailableError else "internal error"
        retry = 1.0 if kind is errors.UnavailableError else None
        return kind(f"UPSTREAM_{code.name}", text, retry_after_s=retry)
    reason, metadata, retry_after_s = f"UPSTREAM_{code.name}", {}, None
    fields: list[FieldViolation] = []
    for detail in status.details:
        info, bad, retry_info = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
        )
        if detail.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            fields += [FieldViolation(v.field, v.description) for v in bad.field_violations]
        elif detail.Unpack(retry_info):
            retry_after_s = retry_info.retry_delay.ToNanoseconds() / 1e9
    return kind(reason, status.message, metadata=metadata, fields=fields, retry_after_s=retry_after_s)


async def answered(call: Awaitable[T]) -> T:
    """Returns the response of a call of another service. Raises the error of that service; see `from_rpc_error`."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise from_rpc_error(error) from error
