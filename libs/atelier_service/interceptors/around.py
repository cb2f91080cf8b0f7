"""The base class of our server interceptors: code that runs around a call."""

import asyncio
import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from atelier_service.metadata import metadata_value


@dataclass(frozen=True, slots=True)
class Call:
    """A call being served. `request` is the message, or the iterator of messages of a client stream."""

    method: str
    request: Any
    streams_requests: bool
    context: grpc.aio.ServicerContext[Any, Any]

    def header(self, name: str) -> str | None:
        """A metadata value of the call, or None."""
        return metadata_value(self.context.invocation_metadata(), name)


class Around(grpc.aio.ServerInterceptor, ABC):
    """Wraps all four kinds of handler alike, in an asynchronous context manager around the whole call.

    Streams are served through `context.write` and not as a generator of our own: a generator that is closed from
    another task would leave the span and the principal in the wrong context.
    """

    @abstractmethod
    def around(self, call: Call) -> AbstractAsyncContextManager[None]:
        """Returns the context in which `call` is served."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Returns the handler with this interceptor around it."""
        handler = await continuation(handler_call_details)
        if handler is None:  # no such method: grpc returns UNIMPLEMENTED
            return handler
        method = handler_call_details.method

        behavior = behavior_of(handler)

        async def unary(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            async with self.around(Call(method, request, handler.request_streaming, context)):
                return await behavior(request, context)

        async def stream(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            async with self.around(Call(method, request, handler.request_streaming, context)):
                if inspect.isasyncgenfunction(behavior):
                    responses = behavior(request, context)
                    try:
                        async for response in responses:
                            await context.write(response)
                    finally:
                        await responses.aclose()
                else:
                    await behavior(request, context)

        return handler_like(
            handler,
            stream if handler.response_streaming else unary,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def behavior_of(handler: Any) -> Callable[[Any, Any], Any]:
    """Returns the function that `handler` calls, whichever of the four kinds it is."""
    behaviors = (handler.unary_unary, handler.unary_stream, handler.stream_unary, handler.stream_stream)
    behavior: Callable[[Any, Any], Any] = next(found for found in behaviors if found is not None)
    return behavior


def handler_like(
    handler: Any,
    behavior: Callable[[Any, Any], Any],
    *,
    request_deserializer: Callable[[bytes], Any] | None,
    response_serializer: Callable[[Any], bytes] | None,
) -> Any:
    """Returns a handler of the same kind as `handler` that runs `behavior`; None leaves bytes as they are."""
    factories = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    factory: Any = factories[handler.request_streaming, handler.response_streaming]
    return factory(behavior, request_deserializer, response_serializer)


_CANCELLED = 1


def status_number(context: grpc.aio.ServicerContext[Any, Any]) -> int:
    """Returns the number of the status with which a call ended: 0 (OK) when the handler set none.

    CANCELLED when the caller cancelled the call or this service stops. To be called while the exception of the handler
    propagates, such as in a `finally` block: a stopping service is recognised by it.
    """
    if context.cancelled() or isinstance(sys.exception(), asyncio.CancelledError):
        return _CANCELLED
    code: Any = context.code()
    return int(code.value[0]) if isinstance(code, grpc.StatusCode) else int(code or 0)
