"""Calls of a worker to the plane of its kind: unary calls, and streams that are reopened whenever they break."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from typing import Any

import grpc.aio
import structlog

from atelier_service.errors import UnavailableError
from atelier_service.metadata import KIND_HEADER
from atelier_service.rpc_errors import from_rpc_error

logger = structlog.get_logger()

_DEADLINE_S = 10.0
_MAX_PAUSE_S = 2.0
# The end of the worker's own token ends a stream: the next one begins at once, with a new token.
_EXPIRED = "TOKEN_EXPIRED"


class PlaneCalls:
    """Calls to any service that the plane of one kind of jobs serves to its workers."""

    def __init__(self, kind: str) -> None:
        """Creates the calls; `kind` is the kind of jobs, by which the gateway's listener for workers routes them."""
        self._metadata = ((KIND_HEADER, kind),)

    async def call(self, rpc: Any, request: object, *, timeout_s: float = _DEADLINE_S) -> Any:
        """Returns the response to a unary call.

        Args:
            rpc: The method of a stub.
            request: Its request.
            timeout_s: The deadline in seconds.

        Raises:
            UnavailableError: The plane does not reply, or refuses the call.
        """
        try:
            return await rpc(request, metadata=self._metadata, timeout=timeout_s)
        except grpc.aio.AioRpcError as rpc_error:
            error = from_rpc_error(rpc_error)
            if not isinstance(error, UnavailableError):
                # A wrong secret, or a bug of the plane: for the operator to correct; the worker retries.
                logger.error("the plane refuses a call", reason=error.reason, error=error.message)
            raise UnavailableError(error.reason, error.message) from rpc_error

    async def stream(
        self, rpc: Any, requests: Callable[[], object], *, broken: str, on_close: Callable[[], None] = lambda: None
    ) -> AsyncGenerator[Any, None]:
        """Yields the responses of a stream, which is reopened after a pause whenever it ends.

        Args:
            rpc: The method of a stub. Its first response means that the stream is open.
            requests: Returns the request, or the iterator of requests, of the next stream.
            broken: What is logged when a stream ends with an error.
            on_close: Called at the end of each stream.
        """
        failures = 0
        while True:
            call, is_open = rpc(requests(), metadata=self._metadata, wait_for_ready=True), False
            try:
                async for response in call:
                    failures, is_open = 0, True
                    yield response
            except grpc.aio.AioRpcError as rpc_error:
                error = from_rpc_error(rpc_error)
                if error.reason == _EXPIRED and is_open:
                    continue
                logger.info(broken, reason=error.reason, error=error.message)
            finally:
                on_close()
                call.cancel()
            failures += 1
            await asyncio.sleep(min(_MAX_PAUSE_S, 0.05 * 2**failures) * random.uniform(0.5, 1.0))  # noqa: S311
