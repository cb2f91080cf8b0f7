"""Decoding: requests are decoded within the call, so that malformed bytes are an error like every other.

The runtime would decode them before any interceptor runs, and return UNKNOWN with the name of a Python class.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from atelier_service.channel import MAX_MESSAGE_BYTES
from atelier_service.errors import InvalidArgumentError, ResourceExhaustedError
from atelier_service.interceptors.around import behavior_of, handler_like
from atelier_service.wire import find_invalid_text

_Decode = Callable[[bytes], Any]


def _checked(decode: _Decode, data: bytes, max_bytes: int) -> Any:
    """Returns the decoded message.

    Raises:
        InvalidArgumentError: The bytes are malformed, or a text is not UTF-8 or contains NUL, which no database stores.
        ResourceExhaustedError: There are more than `max_bytes` bytes.
    """
    if len(data) > max_bytes:
        limit = str(max_bytes)
        text = f"the message has {len(data)} bytes; at most {limit} are allowed"
        raise ResourceExhaustedError("MESSAGE_TOO_LARGE", text, metadata={"max_message_bytes": limit})
    message, broken = None, None
    try:
        message = decode(data)
    except (DecodeError, UnicodeError, ValueError) as error:
        broken = error
    # A generated deserializer is the class method FromString, which knows its message.
    descriptor = getattr(getattr(decode, "__self__", None), "DESCRIPTOR", None)
    if descriptor is not None and (broken or b"\0" in data) and (found := find_invalid_text(descriptor, data)):
        raise InvalidArgumentError.of_field(*found, reason="INVALID_REQUEST") from broken
    if broken:
        name = "request" if descriptor is None else descriptor.name
        raise InvalidArgumentError("INVALID_REQUEST", f"the bytes of the message are no {name}") from broken
    return message


async def _messages(decode: _Decode, pieces: AsyncIterator[bytes], max_bytes: int) -> AsyncGenerator[Any, None]:
    async for data in pieces:
        yield _checked(decode, data, max_bytes)


class DecodingInterceptor(grpc.aio.ServerInterceptor):
    """Decodes and checks the messages of requests. Interceptors outside of it see the call before it is decoded."""

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._max_bytes = max_message_bytes

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Returns the handler, wrapped in one that receives bytes and decodes them."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_deserializer is None:
            return handler
        decode = handler.request_deserializer
        behavior, max_bytes = behavior_of(handler), self._max_bytes

        async def decoded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            read = _messages if handler.request_streaming else _checked
            message = read(decode, request, max_bytes)
            return await behavior(message, context)

        return handler_like(
            handler, decoded, request_deserializer=None, response_serializer=handler.response_serializer
        )
