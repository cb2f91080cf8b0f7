"""Error mapping: named errors become statuses, all others INTERNAL with the traceback in the log alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio
import structlog
from grpc_status import rpc_status

from atelier_service.errors import AtelierError, InternalError
from atelier_service.interceptors.around import Around, Call
from atelier_service.rpc_errors import from_rpc_error, to_status

_log = structlog.get_logger(__name__)


class FailuresInterceptor(Around):
    """The only place where an exception becomes a status."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Maps what the handler raises."""
        try:
            yield
        except (asyncio.CancelledError, grpc.aio.AbortError):
            raise
        except AtelierError as error:
            await self._abort(call, error)
        except grpc.aio.AioRpcError as error:
            named = from_rpc_error(error)
            if isinstance(named, InternalError):
                _log.error("a service that this one called failed", method=call.method, detail=error.details())
            await self._abort(call, named)
        except Exception:  # noqa: BLE001 - the last line of defence: logged, and nothing leaks
            _log.exception("unexpected exception", method=call.method)
            await self._abort(call, InternalError("INTERNAL", "internal error"))

    async def _abort(self, call: Call, error: AtelierError) -> None:
        # Headers of the REST response are sent as trailers: initial metadata may have been sent already.
        headers: list[tuple[str, str | bytes]] = list(call.context.trailing_metadata() or ())
        if error.retry_after_s is not None:
            headers.append(("retry-after", str(max(1, round(error.retry_after_s)))))
        if error.http_status is not None:
            headers.append(("x-http-code", str(error.http_status)))
        status = rpc_status.to_status(to_status(error))
        trailing = (*headers, *status.trailing_metadata)
        call.context.set_trailing_metadata(trailing)
        await call.context.abort(status.code, status.details, trailing)
