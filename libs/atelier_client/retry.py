"""Retry policy: when a call is repeated, and after which delay."""

from dataclasses import dataclass

from tenacity import RetryCallState
from tenacity.wait import wait_base, wait_random_exponential

from atelier_client.errors import AtelierApiError, CannotReachError


@dataclass(frozen=True)
class RetryPolicy:
    """How often calls are repeated, and after which delays.

    Attributes:
        attempts: Calls in all, including the first; also how many streams in a row may break before one is an error.
        first_wait_s: Upper bound of the first wait in seconds; doubles with every attempt.
        longest_wait_s: Longest wait in seconds. A response that requires a longer wait is not retried.
    """

    attempts: int = 5
    first_wait_s: float = 0.2
    longest_wait_s: float = 30.0

    def allows(self, error: BaseException, *, repeatable: bool) -> bool:
        """Returns whether the call that ended with `error` may be repeated.

        A call that is not `repeatable` is repeated only when it certainly had no effect: it was never sent, or was
        refused by a rate limit.
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
        """Returns the wait strategy for tenacity."""
        return PoliteWait(wait_random_exponential(multiplier=self.first_wait_s, max=self.longest_wait_s))


class PoliteWait(wait_base):
    """Waits as long as the response requires, else exponential with full jitter, so that clients do not synchronise."""

    def __init__(self, otherwise: wait_base) -> None:
        self._otherwise = otherwise

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds until the next attempt."""
        error = retry_state.outcome.exception() if retry_state.outcome else None
        if isinstance(error, AtelierApiError) and error.retry_after_s is not None:
            return error.retry_after_s
        return self._otherwise(retry_state)
