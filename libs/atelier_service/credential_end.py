"""Expiry of calls: a call ends when the credential that it was made with ends."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from atelier.events.v1 import events_pb2
from atelier.jobs.v1 import job_pb2
from atelier_service.errors import AtelierError, UnauthenticatedError, UnavailableError
from atelier_service.identity import LEEWAY_S, Principal
from atelier_service.revoked_keys import RevokedKeys

# asyncio.wait_for of Python 3.11 may drop a cancellation (python/cpython#86296): it is repeated after this time.
_AGAIN_S = 5.0
# Longer than any credential is valid: timers take no infinite delay.
_NEVER_S = 10 * 365 * 86_400.0


class Ending:
    """Cancels a task when the credential of its caller has ended; `error` is then the reason."""

    def __init__(self, task: "asyncio.Task[object]") -> None:
        self.error: AtelierError | None = None
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._cancels = 0
        self._timers: list[asyncio.TimerHandle] = []

    def end(self, error: AtelierError) -> None:
        """Cancels the task now, and again every few seconds until `close` is called."""
        self.error = self.error or error
        self._cancels += 1
        self._task.cancel()
        self._timers.append(self._loop.call_later(_AGAIN_S, self.end, error))

    def end_in(self, seconds: float, error: AtelierError) -> None:
        """Cancels the task after `seconds`."""
        self._timers.append(self._loop.call_later(max(0.0, seconds), self.end, error))

    def close(self) -> bool:
        """Stops the timers and undoes their cancellations. Returns whether other code cancelled the task as well."""
        for timer in self._timers:
            timer.cancel()
        for _ in range(self._cancels):
            self._task.uncancel()
        self._cancels = 0
        return self._task.cancelling() > 0


@asynccontextmanager
async def while_credential_lasts(principal: Principal, revoked: RevokedKeys) -> AsyncIterator[Ending]:
    """Cancels the block when the caller's credential ends.

    A token ends when it expires; a key when it is revoked, deleted or expires.

    Args:
        principal: The caller.
        revoked: The revoked keys.

    Raises:
        UnauthenticatedError: The credential has ended (TOKEN_EXPIRED or KEY_REVOKED).
        UnavailableError: The call was made with a key, and `auth` has not confirmed keys for a while (KEY_UNCONFIRMED).
    """
    task = asyncio.current_task()
    assert task is not None
    ending = Ending(task)
    credential = "the API key" if principal.from_key else "the token"
    expired = UnauthenticatedError("TOKEN_EXPIRED", f"{credential} has expired; come back with another one")
    ending.end_in(min(principal.end_s + LEEWAY_S - time.time(), _NEVER_S), expired)

    def check() -> None:
        if revoked.is_revoked(principal.key_id):
            ending.end(key_revoked())
        elif principal.from_key and not revoked.is_confirmed:
            text = "it is not known whether the API key is still valid; retry"
            ending.end(UnavailableError("KEY_UNCONFIRMED", text, retry_after_s=1.0))

    try:
        with revoked.holding(principal.key_id, check):
            yield ending
    except asyncio.CancelledError:
        if ending.close() or ending.error is None:
            raise
        raise ending.error from None
    finally:
        ending.close()


def last_word(error: AtelierError) -> events_pb2.Event:
    """Returns the last event of a stream that ends with `error`: over HTTP/1.1 a failed stream looks complete.
    It has no cursor, so the stream is resumed after the event before it."""
    failure = job_pb2.Failure(reason=error.reason, message=error.message)
    event = events_pb2.Event(type="error.notification", error_notification=events_pb2.ErrorNotification(error=failure))
    event.time.GetCurrentTime()
    return event


def key_revoked() -> UnauthenticatedError:
    """Returns the error of a call that was made with a revoked key, or with a token made from it."""
    return UnauthenticatedError("KEY_REVOKED", "the API key was revoked")
