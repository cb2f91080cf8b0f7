"""How services say no."""

from typing import Any

import grpc
import grpc.aio
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

Context = grpc.aio.ServicerContext[Any, Any]


async def refuse(context: Context, code: grpc.StatusCode, reason: str, message: str, **fields: str) -> None:
    """Ends the call as services do."""
    status = status_pb2.Status(code=code.value[0], message=message)
    details: list[Any] = [error_details_pb2.ErrorInfo(reason=reason, domain="atelier")]
    violations = [error_details_pb2.BadRequest.FieldViolation(field=f, description=d) for f, d in fields.items()]
    details += [error_details_pb2.BadRequest(field_violations=violations)] if violations else []
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    await context.abort_with_status(rpc_status.to_status(status))
