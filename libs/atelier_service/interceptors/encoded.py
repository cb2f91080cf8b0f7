"""Pre-encoded messages of streams: an event for many callers is encoded once."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.message import Message

from atelier_service.interceptors.around import behavior_of, handler_like

M = TypeVar("M", bound=Message)


def encoded(kind: type[M], data: bytes) -> M:
    """Returns `data`, an encoded `kind`, typed as that message: yielded by a servicer, it is sent unchanged."""
    del kind
    return cast(M, data)


class EncodedInterceptor(grpc.aio.ServerInterceptor):
    """Lets servicers yield what `encoded` returns."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Returns the handler with a serializer that passes bytes through."""
        handler = await continuation(handler_call_details)
        if handler is None or not handler.response_streaming:
            return handler
        serialize = handler.response_serializer
        return handler_like(
            handler,
            behavior_of(handler),
            request_deserializer=handler.request_deserializer,
            response_serializer=lambda answer: answer if isinstance(answer, bytes) else serialize(answer),
        )
