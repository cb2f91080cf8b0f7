"""Retry policy: when a call is repeated, and after which delay."""

from dataclasses import dataclass

from tenacity import RetryCallState
from tenacity.wait import wait_base, wait_random_exponential

from atelier_client.errors import AtelierApiError, CannotReachError


@dataclass(frozen=True)
class RetryPolicy:
    """How patient the client is.

    Attributes:
        attempts: calls in all, the first among them; also the number of times in a row that a stream is opened again.
        first_wait_s: upper bound of the first wait in seconds; doubles with every attempt.
        longest_wait_s: longest wait in seconds. An answer that asks for a longer one is an error at once.
    """

    attempts: int = 5
    first_wait_s: float = 0.2
    longest_wait_s: float = 30.0

    def allows(self, error: BaseException, *, repeatable: bool) -> bool:
        """Whether the call that ended in `error` may be made again.

        A call that is not `repeatable` is made again only when it certainly had no effect: it never left, or was
        turned away at the limit.
        """
        if isinstance(error, CannotReachError):
            return repeatable or not error.delivered
        if not isinstance(error, AtelierApiError):
            return False
        asked = error.retry_after_s
        if asked is not None and asked > self.longest_wait_s:
            return False
        if error.code == "UNAVAILABLE":
            return repeatable
        return error.code == "RESOURCE_EXHAUSTED" and asked is not None

    def wait(self) -> "PoliteWait":
        """Waits for tenacity."""
        return PoliteWait(wait_random_exponential(multiplier=self.first_wait_s, max=self.longest_wait_s))


class PoliteWait(wait_base):
    """What the answer asked for; else exponential with full jitter, so that many clients do not return at once."""

    def __init__(self, otherwise: wait_base) -> None:
        self._otherwise = otherwise

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds until the next attempt."""
        error = retry_state.outcome.exception() if retry_state.outcome else None
        if isinstance(error, AtelierApiError) and error.retry_after_s is not None:
            return error.retry_after_s
        return self._otherwise(retry_state)
